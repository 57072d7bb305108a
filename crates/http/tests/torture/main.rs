//! An exchange that is dropped at any poll, of its request or of its body, leaves nothing behind:
//! the slot is back, and the next request gets its own answer.

#![allow(clippy::print_stderr)] // how much was run

mod pipe;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Poll;
use std::time::Duration;

use http_body_util::BodyExt;
use keepalive::Manager;
use keepalive_http::{Body, Client, Http};
use tokio::runtime::{Builder, Handle};
use tokio::time::timeout;

use pipe::Server;

/// The kinds of answers, by the first part of the path.
const KINDS: [&str; 6] = ["length", "chunked", "empty", "extra", "close", "until"];

/// What comes before the exchange under test, on the same connection.
const BEFORE: [Option<&str>; 3] = [None, Some("length"), Some("extra")];

#[test]
fn an_exchange_may_be_dropped_at_every_poll() {
    let mut runs = 0;
    for kind in KINDS {
        for before in BEFORE {
            let polls = run(kind, before, Cut::Never);
            assert!(polls > 1, "{kind} takes {polls} polls");
            for poll in 1..=polls {
                for cut in [Cut::Before(poll), Cut::After(poll)] {
                    run(kind, before, cut);
                    runs += 1;
                }
            }
        }
    }
    eprintln!(
        "dropped: {} exchanges, {runs} runs",
        KINDS.len() * BEFORE.len()
    );
    assert!(runs > 100, "{runs} runs");
}

/// When the exchange under test is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Never,
    /// As it is about to be polled for this time.
    Before(usize),
    /// Once it has been polled so often, and is pending.
    After(usize),
}

/// Answers how often the exchange was polled.
fn run(kind: &str, before: Option<&str>, cut: Cut) -> usize {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let played = async {
        let server = Server::default();
        let manager = Manager::builder()
            .max_per_host(1)
            .close_timeout(Duration::from_millis(20));
        let manager = manager.connector(Http::over(server.clone())).build();
        let client = Client::new(manager.expect("settings that work"));
        if let Some(before) = before {
            exchange(&client, &format!("/{before}/before")).await;
        }
        let path = format!("/{kind}/tested");
        let polls = until(cut, exchange(&client, &path)).await;
        // What is left of a dropped body is read in a task.
        while client.manager().totals().leased > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for next in ["/length/1", "/chunked/2", "/length/3"] {
            exchange(&client, next).await;
        }
        client.manager().shutdown().await;
        assert_eq!(server.open.load(SeqCst), 0, "everything is closed");
        polls
    };
    let polls = runtime.block_on(async {
        let polls = timeout(Duration::from_secs(10), played).await;
        let polls = polls.unwrap_or_else(|_| panic!("{kind} after {before:?}, {cut:?}: it hangs"));
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        let tasks = Handle::current().metrics().num_alive_tasks();
        assert_eq!(tasks, 0, "{kind} after {before:?}, {cut:?}");
        polls
    });
    drop(runtime);
    polls
}

/// Sends a request, reads its answer, and sees that it is its own.
async fn exchange(client: &Client<Server>, path: &str) {
    let uri = format!("http://127.0.0.1:80{path}").parse().expect("a URL");
    let response = client.get(uri).await.expect("an answer");
    let text = read(response.into_body()).await;
    if !path.starts_with("/empty") {
        assert_eq!(text, format!("this is {path}"));
    }
}

async fn read(body: Body<Server>) -> String {
    let bytes = body.collect().await.expect("a whole body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Polls a future until it is cut off; answers how often.
async fn until(cut: Cut, future: impl Future<Output = ()>) -> usize {
    let mut future = pin!(future);
    let mut polls = 0;
    poll_fn(|context| {
        polls += 1;
        if cut == Cut::Before(polls) {
            return Poll::Ready(());
        }
        let polled = future.as_mut().poll(context);
        if cut == Cut::After(polls) {
            return Poll::Ready(());
        }
        polled
    })
    .await;
    polls
}
