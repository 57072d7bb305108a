//! L8: a request costs about as much in a large crowd as in a small one.
//!
//! `cargo test -p keepalive-benches --test cost` runs it. With other packages in the same command,
//! the engine would check every invariant after each input, which costs time for every record.

use std::time::Duration;

use keepalive_benches::{Queue, Warm};
use rustix::time::{ClockId, clock_gettime};

const SMALL: u16 = 500;
const LARGE: u16 = 60_000;

/// The large crowd is 120 times the small one. Caches and logarithms make up for the factor that is left.
const MOST: u32 = 10;

#[test]
fn a_waiter_is_served_as_quickly_from_a_long_queue() {
    let queue = Queue::new();
    compare(|tasks| queue.drain(tasks.into()));
}

#[test]
fn a_waiter_is_cancelled_as_quickly_in_a_long_queue() {
    let queue = Queue::new();
    compare(|tasks| queue.cancel(tasks.into()));
}

#[test]
fn a_connection_is_found_as_quickly_among_many_hosts() {
    let [mut few, mut many] = [SMALL, LARGE].map(Warm::new);
    compare(|hosts| {
        let warm = if hosts == SMALL { &mut few } else { &mut many };
        warm.cycle(hosts.into());
    });
}

/// Compares the shortest times for one of a crowd, of several runs each.
fn compare(mut run: impl FnMut(u16)) {
    let mut each = |crowd: u16| {
        let times = (0..5).map(|_| {
            let begun = computed();
            run(crowd);
            (computed() - begun) / u32::from(crowd)
        });
        times.min().unwrap_or(Duration::MAX)
    };
    let (small, large) = (each(SMALL), each(LARGE));
    println!("{small:?} for one of {SMALL}, {large:?} for one of {LARGE}");
    assert!(large <= small * MOST, "{small:?} grows to {large:?}");
}

/// The time that this thread has computed. It stands still while others have the processor.
fn computed() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("a time since the thread began")
}
