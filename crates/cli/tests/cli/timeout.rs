use std::time::{Duration, Instant};

use crate::program::cli;
use crate::server::{Server, silent};

#[test]
fn the_timeout_includes_the_whole_response() {
    let server = Server::start();
    for (path, function, status) in [
        ("/hang", "response", None),
        ("/hang-in-body", "body", Some(200)),
    ] {
        let started = Instant::now();
        let run = cli!("fetch {} --timeout 200ms --jsonl -", server.url(path));
        assert!(started.elapsed() < Duration::from_secs(5), "{path}");
        let run = run.exits(1);
        let results = run.results();
        let error = &results[0]["error"];
        assert_eq!(error["function"], function, "{path}: {run:?}");
        assert_eq!(results[0]["status"].as_u64(), status, "{path}: {run:?}");
        if cfg!(target_os = "linux") {
            assert_eq!(error["error_num"], 110, "{path}: {run:?}");
        }
    }
}

#[test]
fn the_timeout_includes_waiting_in_the_queue() {
    let server = Server::start();
    let run = cli!(
        "fetch {} {} --max-per-host 1 --timeout 300ms --jsonl -",
        server.url("/hang-in-body"),
        server.url("/a")
    )
    .exits(1);
    let results = run.results();
    assert_eq!(results.len(), 2);
    // Either fetch may be first; the one that hangs always fails.
    assert_eq!(results[0]["error"]["function"], "body", "{run:?}");
    // The other fetch may get the connection's permit just as its own timeout passes.
    let second = &results[1];
    let waited = second["timing"]["queued_us"].as_u64().expect("a time") > 250_000;
    let timed_out = second["error"]["function"] != "body" && second["error"].is_object();
    assert!((waited && timed_out) || second["status"] == 200, "{run:?}");
}

#[test]
fn connect_timeout_limits_the_time_of_opening_a_connection() {
    let (_server, port) = silent();
    let started = Instant::now();
    let flags = "--connect-timeout 100ms --jsonl -";
    let run = cli!("fetch https://127.0.0.1:{port}/ -k {flags}");
    assert!(started.elapsed() < Duration::from_secs(60), "{run:?}");
    let run = run.exits(1);
    assert_eq!(run.results()[0]["error"]["function"], "tls", "{run:?}");
    run.complains("not open within 100ms");
}

#[test]
fn a_fetch_ends_soon_after_its_timeout() {
    let server = Server::start();
    let url = server.url("/hang");
    // A noisy machine delays some runs, but not all of them.
    let took = (0..5).map(|_| {
        let run = cli!("fetch {url} --timeout 200ms --jsonl -");
        run.results()[0]["total_us"].as_u64().unwrap()
    });
    let quickest = took.min().unwrap();
    assert!((200_000..250_000).contains(&quickest), "{quickest}");
}
