use std::time::{Duration, Instant};

use crate::program::keepalive;

#[test]
fn the_demo_keeps_its_limits() {
    let started = Instant::now();
    let run = keepalive("demo --requests 1000").exits(0);
    assert!(started.elapsed() < Duration::from_secs(10));
    run.prints("1,000 fetched, 0 failed");
    for start in ["Limits: ", "Reuse: ", "Queue: "] {
        assert!(
            run.stdout.lines().any(|line| line.starts_with(start)),
            "{start}: {run:?}"
        );
    }
}
