//! The clients that send the requests.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::{http1, http2};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use keepalive::Manager;
use keepalive_http::Http;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use super::{Gets, STREAMS};
use crate::contenders::Role;

type NoBody = Empty<Bytes>;

/// Each task has a connection of hyper's own.
#[derive(Clone)]
pub(super) struct Bare {
    server: SocketAddr,
}

impl Gets for Bare {
    const NAME: &'static str = "hyper, a connection per task";
    const ROLE: Role = Role::Bound;
    type Own = http1::SendRequest<NoBody>;

    fn new(server: SocketAddr, _tasks: u32) -> Self {
        Self { server }
    }

    async fn own(&self, _number: u32) -> Result<Self::Own> {
        let (sender, connection) = http1::handshake(connect(self.server).await?).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn exchange(&self, sender: &mut Self::Own) -> Result<usize> {
        sender.ready().await?;
        let request = Request::get("/")
            .header("host", "127.0.0.1")
            .body(NoBody::new())?;
        let response = sender.send_request(request).await?;
        Ok(response.into_body().collect().await?.to_bytes().len())
    }
}

/// A connection of hyper's own for each hundred tasks.
#[derive(Clone)]
pub(super) struct BareTwo {
    server: SocketAddr,
    connections: Arc<Vec<OnceCell<http2::SendRequest<NoBody>>>>,
}

impl Gets for BareTwo {
    const NAME: &'static str = "hyper, a connection per 100 tasks";
    const ROLE: Role = Role::Bound;
    type Own = (http2::SendRequest<NoBody>, Uri);

    fn new(server: SocketAddr, tasks: u32) -> Self {
        let connections = (0..tasks.div_ceil(STREAMS)).map(|_| OnceCell::new());
        Self {
            server,
            connections: Arc::new(connections.collect()),
        }
    }

    async fn own(&self, number: u32) -> Result<Self::Own> {
        let connection = &self.connections[(number / STREAMS) as usize];
        let opened = connection.get_or_try_init(async || {
            let stream = connect(self.server).await?;
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
            tokio::spawn(connection);
            anyhow::Ok(sender)
        });
        Ok((opened.await?.clone(), uri(self.server)))
    }

    async fn exchange(&self, (sender, uri): &mut Self::Own) -> Result<usize> {
        sender.ready().await?;
        let request = Request::get(uri.clone()).body(NoBody::new())?;
        let response = sender.send_request(request).await?;
        Ok(response.into_body().collect().await?.to_bytes().len())
    }
}

/// This project's client, by HTTP/1.1 or HTTP/2.
#[derive(Clone)]
pub(super) struct Keepalive<const TWO: bool> {
    client: keepalive_http::Client,
    uri: Uri,
}

impl<const TWO: bool> Gets for Keepalive<TWO> {
    const NAME: &'static str = "keepalive";
    const ROLE: Role = Role::Ours;
    type Own = ();

    fn new(server: SocketAddr, tasks: u32) -> Self {
        let (http, most) = match TWO {
            true => (Http::new().http2_only(), tasks.div_ceil(STREAMS)),
            false => (Http::new().http1_only(), tasks),
        };
        let manager = Manager::builder()
            .max_per_host(most as usize)
            .max_open(most as usize)
            .connector(http)
            .build()
            .expect("sound settings");
        Self {
            client: keepalive_http::Client::new(manager),
            uri: uri(server),
        }
    }

    async fn own(&self, _number: u32) -> Result<()> {
        Ok(())
    }

    async fn exchange(&self, _own: &mut ()) -> Result<usize> {
        let response = self.client.get(self.uri.clone()).await?;
        Ok(response.into_body().collect().await?.to_bytes().len())
    }
}

/// hyper-util's client, by HTTP/1.1 or HTTP/2.
#[derive(Clone)]
pub(super) struct HyperUtil<const TWO: bool> {
    client: legacy::Client<HttpConnector, NoBody>,
    uri: Uri,
}

impl<const TWO: bool> Gets for HyperUtil<TWO> {
    const NAME: &'static str = "hyper-util legacy client";
    const ROLE: Role = Role::Peer;
    type Own = ();

    fn new(server: SocketAddr, _tasks: u32) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .http2_only(TWO)
            .build(connector);
        Self {
            client,
            uri: uri(server),
        }
    }

    async fn own(&self, _number: u32) -> Result<()> {
        Ok(())
    }

    async fn exchange(&self, _own: &mut ()) -> Result<usize> {
        let response = self.client.get(self.uri.clone()).await?;
        Ok(response.into_body().collect().await?.to_bytes().len())
    }
}

/// reqwest, with its defaults.
#[derive(Clone)]
pub(super) struct Reqwest {
    client: reqwest::Client,
    url: reqwest::Url,
}

impl Gets for Reqwest {
    const NAME: &'static str = "reqwest";
    const ROLE: Role = Role::Peer;
    type Own = ();

    fn new(server: SocketAddr, _tasks: u32) -> Self {
        let url = format!("http://{server}/");
        Self {
            client: reqwest::Client::new(),
            url: url.parse().expect("an address makes a URL"),
        }
    }

    async fn own(&self, _number: u32) -> Result<()> {
        Ok(())
    }

    async fn exchange(&self, _own: &mut ()) -> Result<usize> {
        let response = self.client.get(self.url.clone()).send().await?;
        Ok(response.bytes().await?.len())
    }
}

/// A connection with the option that all contenders set.
async fn connect(server: SocketAddr) -> Result<TokioIo<TcpStream>> {
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    Ok(TokioIo::new(stream))
}

fn uri(server: SocketAddr) -> Uri {
    let uri = format!("http://{server}/");
    uri.parse().expect("an address makes a URI")
}
