//! HTTP/2: an exchange that is dropped harms none beside it on the same connection.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use http_body_util::BodyExt;
use keepalive::Manager;
use keepalive_http::{Client, Http};

use crate::cut::{Cut, every, until};
use crate::streams::Server;
use crate::upload::Upload;
use crate::{answer, exchange, play, settle, tasks};

/// The kinds of answers, by the first part of the path: how they end, that they come before the
/// upload has been read, and what else the server says.
const KINDS: [&str; 7] = [
    "last", "apart", "trailers", "empty", "early", "refused", "goaway",
];

#[test]
fn an_exchange_of_http_2_may_be_dropped_at_every_poll() {
    let (mut exchanges, mut runs) = (0, 0);
    for kind in KINDS {
        for upload in Upload::ALL {
            if (kind, upload) == ("refused", Upload::Pieces) {
                continue; // it can not be sent again
            }
            for neighbour in [false, true] {
                let whole = run(kind, upload, neighbour, Cut::Never, None);
                assert!(whole.polls > 1, "{kind}, {upload:?}: {whole:?}");
                exchanges += 1;
                for cut in every(whole.polls) {
                    run(kind, upload, neighbour, cut, Some(whole.tasks));
                    runs += 1;
                }
            }
        }
    }
    eprintln!("dropped, HTTP/2: {exchanges} exchanges, {runs} runs");
    assert!(runs > 500, "{runs} runs");
}

#[derive(Debug)]
struct Run {
    /// How often the exchange was polled.
    polls: usize,
    /// How many there are once all is quiet.
    tasks: usize,
}

fn run(kind: &str, upload: Upload, neighbour: bool, cut: Cut, tasks_before: Option<usize>) -> Run {
    let what = format!("{kind}, {upload:?}, with a neighbour: {neighbour}, {cut:?}");
    play(&what, async {
        let server = Server::default();
        let manager = Manager::builder()
            .max_per_host(2)
            .close_timeout(Duration::from_millis(20));
        let http = Http::over(server.clone()).http2_only();
        let manager = manager.connector(http).build().expect("settings that work");
        let client = Client::new(manager);

        let held = "/held/neighbour";
        let beside = if neighbour {
            let response = Upload::Nothing.send(&client, held).await;
            Some(response.expect("the head of the neighbour's answer"))
        } else {
            None
        };
        let path = format!("/{kind}/tested");
        let polls = until(cut, exchange(&client, &path, upload)).await;
        if let Some(response) = beside {
            server.go_on.notify_one();
            let body = response.into_body().collect().await;
            let body = body.unwrap_or_else(|error| panic!("{what}: the neighbour: {error}"));
            assert_eq!(body.to_bytes(), answer(held, ""), "{what}: the neighbour");
        }
        settle().await;
        let leases = client.manager().leases();
        assert!(leases.is_empty(), "{what}: held for ever: {leases:?}");
        for (next, upload) in [
            ("/last/1", Upload::Nothing),
            ("/apart/2", Upload::Pieces),
            ("/trailers/3", Upload::Whole),
        ] {
            exchange(&client, next, upload).await;
        }
        settle().await;
        let opened = server.opened.load(SeqCst);
        let expected = 1 + usize::from(kind == "goaway" || !neighbour);
        assert!(opened <= expected, "{what}: {opened} connections");
        let totals = client.manager().totals();
        assert_eq!((totals.open, totals.idle), (1, 1), "{what}: {totals:?}");
        let tasks = tasks();
        if let Some(before) = tasks_before {
            assert_eq!(tasks, before, "{what}: tasks, and when it is not dropped");
        }
        client.manager().shutdown().await;
        assert_eq!(server.open.load(SeqCst), 0, "{what}: something is open");
        Run { polls, tasks }
    })
}
