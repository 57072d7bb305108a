//! How many connections fifty tasks open where two are wanted.

use std::future::Future;

use anyhow::Result;
use http::Uri;
use http_body_util::BodyExt as _;
use keepalive::Manager;
use keepalive_http::{Client, Http};
use tower::limit::ConcurrencyLimitLayer;

use super::{CLIENT_CORE, COUNT};
use crate::child::Server;
use crate::contenders::Role;
use crate::runtime;
use crate::table::{Better, Line, Table};

const TASKS: usize = 50;
const LIMIT: usize = 2;

/// Each of them has a server that it meets first, which counts.
pub(super) fn table() -> Result<Table> {
    let ours = count(|url| {
        let manager = Manager::builder().max_per_host(LIMIT);
        let manager = manager.connector(Http::new()).build();
        let client = Client::new(manager.expect("sound settings"));
        move || {
            let (client, url) = (client.clone(), url.clone());
            async move {
                let response = client.get(url.parse::<Uri>()?).await?;
                Ok(response.into_body().collect().await?.to_bytes().to_vec())
            }
        }
    })?;
    // reqwest's advice to users that ask for a limit.
    let reqwest = count(|url| {
        let client = reqwest::Client::builder()
            .connector_layer(ConcurrencyLimitLayer::new(LIMIT))
            .build()
            .expect("sound settings");
        move || {
            let (client, url) = (client.clone(), url.clone());
            async move {
                let response = client.get(url).send().await?;
                Ok(response.bytes().await?.to_vec())
            }
        }
    })?;
    let line = |name: &str, role, opened: u64| Line {
        name: name.to_owned(),
        role,
        samples: vec![opened as f64],
    };
    Ok(Table {
        id: "i-limit",
        title: format!("{TASKS} tasks, and a limit of {LIMIT}"),
        unit: "connections that the server has accepted",
        better: Better::Lower,
        reference: None,
        lines: vec![
            line("reqwest, a limited connector", Role::Peer, reqwest),
            line("keepalive", Role::Ours, ours),
        ],
        notes: vec![
            "The limit of reqwest is a tower `ConcurrencyLimit` on its connector, which bounds \
             how many connect at once"
                .to_owned(),
        ],
    })
}

/// Connections that a server counts while fifty tasks ask for ten answers each.
fn count<G, A>(client: impl FnOnce(String) -> G) -> Result<u64>
where
    G: Fn() -> A,
    A: Future<Output = Result<Vec<u8>>> + Send + 'static,
{
    let server = Server::start("http1")?;
    let runtime = runtime::on_core(CLIENT_CORE);
    let url = format!("http://127.0.0.1:{}{COUNT}", server.port());
    let ask = {
        let _within = runtime.enter();
        client(url)
    };
    let mut accepted = Vec::new();
    for _ in 0..10 {
        let tasks: Vec<_> = (0..TASKS).map(|_| runtime.spawn(ask())).collect();
        for task in tasks {
            accepted = runtime.block_on(task)??;
        }
    }
    accepted.clone_from(&runtime.block_on(ask())?);
    Ok(String::from_utf8(accepted)?.parse()?)
}
