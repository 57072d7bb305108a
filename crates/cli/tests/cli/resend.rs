//! `--resend` bounds how often a request is sent again after a reused connection closed.

use serde_json::Value;

use crate::program::{Ended, cli};
use crate::server::Server;

/// Fetches twice over one connection, which the server closes at the second request.
fn fetch(flags: &str) -> (Ended, Vec<Value>) {
    let server = Server::start();
    let url = server.url("/once");
    let run = cli!("fetch {url} --repeat 2 --jobs 1 --max-per-host 1 --jsonl - {flags}");
    let results = run.results();
    assert_eq!(results.len(), 2, "{run:?}");
    assert_eq!(results[0]["status"], 200, "{run:?}");
    (run, results)
}

#[test]
fn a_request_on_a_closed_reused_connection_is_sent_again_and_counted() {
    for flags in ["", "--resend 1"] {
        let (run, results) = fetch(flags);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(results[1]["resent"], 1, "{run:?}");
        run.complains("requests sent again: 1");
    }
}

#[test]
fn a_closed_reused_connection_is_a_failure_with_resend_0() {
    let (run, results) = fetch("--resend 0");
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(results[1]["resent"], 0, "{run:?}");
    assert_eq!(results[1]["error"]["function"], "response", "{run:?}");
    assert!(!run.stderr.contains("sent again"), "{run:?}");
}

#[test]
fn a_post_on_a_closed_reused_connection_is_a_failure() {
    let (run, results) = fetch("-X POST");
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(results[1]["resent"], 0, "{run:?}");
}
