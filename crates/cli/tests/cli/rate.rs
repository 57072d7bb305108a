//! `--rate` limits the fetches of a host, and `--limit-rate` the bytes of a body, in a second.

use std::time::{Duration, Instant};

use crate::program::cli;
use crate::site::Site;

#[test]
fn rate_spreads_the_fetches_of_a_host() {
    let site = Site::start();
    let started = Instant::now();
    let run = cli!("fetch {} --repeat 5 --rate 20/s", site.url("/a")).exits(0);
    assert_eq!(site.asked().len(), 5);
    // Four pauses between five fetches. A busy machine allows no upper bound.
    assert!(started.elapsed() >= Duration::from_millis(200), "{run:?}");
}

#[test]
fn limit_rate_slows_down_a_body() {
    let site = Site::start();
    let started = Instant::now();
    let run = cli!("fetch {} --limit-rate 25", site.url("/a")).exits(0);
    assert_eq!(run.stdout, "hello");
    assert!(started.elapsed() >= Duration::from_millis(200), "{run:?}");
}

#[test]
fn the_timeout_includes_the_time_of_limit_rate() {
    let site = Site::start();
    let flags = "--limit-rate 1 --timeout 200ms --jsonl -";
    let run = cli!("fetch {} {flags}", site.url("/a")).exits(1);
    assert_eq!(run.results()[0]["error"]["function"], "body", "{run:?}");
}
