//! `--rate` bounds how often a host is asked, `--limit-rate` how fast a body is read.

use std::time::{Duration, Instant};

use crate::program::keepalive;
use crate::site::Site;

#[test]
fn a_host_is_asked_so_often() {
    let site = Site::start();
    let started = Instant::now();
    let run = keepalive(&format!("fetch {} --repeat 5 --rate 20/s", site.url("/a")));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(site.asked().len(), 5);
    // Four times between five; nothing bounds it from above on a busy machine.
    assert!(started.elapsed() >= Duration::from_millis(200), "{run:?}");
}

#[test]
fn a_body_is_read_so_fast() {
    let site = Site::start();
    let started = Instant::now();
    let run = keepalive(&format!("fetch {} --limit-rate 25", site.url("/a")));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.stdout, "hello");
    assert!(started.elapsed() >= Duration::from_millis(200), "{run:?}");
}

#[test]
fn and_the_time_for_it_is_that_of_the_fetch() {
    let site = Site::start();
    let flags = "--limit-rate 1 --timeout 200ms --jsonl -";
    let run = keepalive(&format!("fetch {} {flags}", site.url("/a")));
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(run.results()[0]["error"]["function"], "body", "{run:?}");
}
