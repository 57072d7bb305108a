//! Waits of tests: for the end of a future, and for conditions that no event announces.

use std::thread;
use std::time::{Duration, Instant};

use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

/// No step of a test takes longer than this.
const LIMIT: Duration = Duration::from_secs(10);

/// Fails a test that would hang.
pub async fn within<F: Future>(future: F) -> F::Output {
    let timed = timeout(LIMIT, future).await;
    timed.expect("nothing happens any more")
}

/// Waits, a turn of the event loop at a time, until a condition holds.
pub async fn eventually(condition: &str, mut holds: impl FnMut() -> bool) {
    // The time of the machine, since the clock of a runtime may stand still.
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LIMIT, "it never came about: {condition}");
        yield_now().await;
    }
}

/// Waits with the whole thread until a condition holds. Meanwhile no other task goes on, if the
/// runtime has one thread.
pub fn eventually_blocking(condition: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LIMIT, "it never came about: {condition}");
        thread::yield_now();
    }
}

/// Polls a condition every millisecond; returns whether it held within `limit`.
pub async fn holds_within(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !holds() {
        if start.elapsed() > limit {
            return false;
        }
        sleep(Duration::from_millis(1)).await;
    }
    true
}
