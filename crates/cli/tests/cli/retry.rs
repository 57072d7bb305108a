//! `--retry` sends a request again after 408, 429, 502, 503 and 504.

use crate::program::cli;
use crate::site::Site;

#[test]
fn retry_stops_at_its_limit_and_the_last_response_is_the_result() {
    for (flags, path, asked, code, status) in [
        ("", "/busy/503?2", 1, 0, 503),
        ("--fail", "/busy/503?2", 1, 1, 503),
        ("--retry 2", "/busy/503?2", 3, 0, 200),
        ("--retry 1 --fail", "/busy/429?2", 2, 1, 429),
        ("--retry 5", "/busy/404?1", 1, 0, 404),
        ("--retry 5", "/busy/502?1", 2, 0, 200),
        ("--retry 5 -d x", "/busy/502?1", 1, 0, 502),
        ("--retry 5 -d x", "/busy/429?1", 2, 0, 200),
    ] {
        let site = Site::start();
        let run = cli!("fetch {} {flags} --jsonl -", site.url(path)).exits(code);
        assert_eq!(site.asked().len(), asked, "{flags} {path}: {run:?}");
        let result = &run.results()[0];
        assert_eq!(result["status"], status, "{flags} {path}: {run:?}");
        assert_eq!(result["retried"], asked - 1, "{flags} {path}: {run:?}");
        let said = format!("answers asked for again: {}", asked - 1);
        assert_eq!(run.stderr.contains(&said), asked > 1, "{run:?}");
    }
}

#[test]
fn retry_takes_no_pause_beyond_the_timeout() {
    let site = Site::start();
    let url = site.url("/later");
    let run = cli!("fetch {url} --retry 3 --timeout 5s --jsonl -").exits(0);
    assert_eq!(run.results()[0]["status"], 503, "{run:?}");
    assert_eq!(site.asked().len(), 1);
}
