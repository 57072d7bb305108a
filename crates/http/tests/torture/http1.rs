//! HTTP/1.1: one exchange at a time.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use keepalive::Manager;
use keepalive_http::{Client, Http};

use crate::cut::{Cut, every, until};
use crate::pipe::Server;
use crate::upload::Upload;
use crate::{exchange, play};

/// The kinds of answers, by the first part of the path.
const KINDS: [&str; 7] = [
    "length", "chunked", "empty", "early", "extra", "close", "until",
];

/// The kind of the exchange before the one under test, on the same connection.
const BEFORE: [Option<&str>; 3] = [None, Some("length"), Some("extra")];

#[test]
fn an_exchange_of_http_1_may_be_dropped_at_every_poll() {
    let (mut exchanges, mut runs) = (0, 0);
    for kind in KINDS {
        for before in BEFORE {
            for upload in Upload::ALL {
                let polls = run(kind, before, upload, Cut::Never);
                assert!(polls > 1, "{kind}, {upload:?} takes {polls} polls");
                exchanges += 1;
                for cut in every(polls) {
                    run(kind, before, upload, cut);
                    runs += 1;
                }
            }
        }
    }
    eprintln!("dropped, HTTP/1.1: {exchanges} exchanges, {runs} runs");
    assert!(runs > 500, "{runs} runs");
}

/// Returns how often the exchange was polled.
fn run(kind: &str, before: Option<&str>, upload: Upload, cut: Cut) -> usize {
    let what = format!("{kind} after {before:?}, {upload:?}, {cut:?}");
    play(&what, async {
        let server = Server::default();
        let manager = Manager::builder()
            .max_per_host(1)
            .close_timeout(Duration::from_millis(20));
        let http = match std::env::var_os("KEEPALIVE_HTTP1_BY_HYPER") {
            Some(_) => Http::over(server.clone()).http1_by_hyper(),
            None => Http::over(server.clone()),
        };
        let manager = manager.connector(http).build();
        let client = Client::new(manager.expect("settings that work"));
        if let Some(before) = before {
            exchange(&client, &format!("/{before}/before"), Upload::Nothing).await;
        }
        let path = format!("/{kind}/tested");
        let polls = until(cut, exchange(&client, &path, upload)).await;
        // A task reads the rest of a dropped body.
        while client.manager().totals().leased > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for (next, upload) in [
            ("/length/1", Upload::Nothing),
            ("/chunked/2", Upload::Pieces),
            ("/length/3", Upload::Whole),
        ] {
            exchange(&client, next, upload).await;
        }
        client.manager().shutdown().await;
        assert_eq!(server.open.load(SeqCst), 0, "{what}: something is open");
        polls
    })
}
