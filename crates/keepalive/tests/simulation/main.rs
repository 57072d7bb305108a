//! The real driver on a simulated network and a clock that only virtual time moves: random
//! requests, random users, random faults, and a network with its own books to compare with.
//!
//! `KEEPALIVE_DRIVER_SEEDS=2000 cargo test --release -p keepalive --test simulation` runs more
//! seeds, `KEEPALIVE_DRIVER_BASE=n` other ones, `KEEPALIVE_DRIVER_SEED=n` replays one, and
//! `KEEPALIVE_DRIVER_TRACE=1` prints everything that happens.

#![allow(clippy::print_stderr)] // how to replay a failure, and the coverage

mod clients;
mod peers;
mod plan;
mod run;
mod storm;
mod world;

use std::collections::BTreeMap;
use std::time::Instant;

use keepalive_testkit::replay::Replay;
use run::{Outcome, simulate};

const SEEDS: u64 = 60;

/// Every so many seeds, one runs twice.
const TWICE: u64 = 10;

#[test]
fn the_manager_keeps_its_promises_whatever_happens() {
    let replayed = number("KEEPALIVE_DRIVER_SEED");
    let base = replayed.or_else(|| number("KEEPALIVE_DRIVER_BASE"));
    let base = base.unwrap_or(0);
    let seeds = match replayed {
        Some(_) => 1,
        None => number("KEEPALIVE_DRIVER_SEEDS").unwrap_or(SEEDS),
    };
    let began = Instant::now();
    let mut counts = BTreeMap::new();
    let mut requests = 0;
    let replay = Replay::new("requests");
    for seed in base..base + seeds {
        replay.by(format!(
            "KEEPALIVE_DRIVER_SEED={seed} cargo test -p keepalive --test simulation"
        ));
        let Outcome {
            trace,
            counts: seen,
            requests: asked,
        } = simulate(seed);
        // Outside of a runtime the clock is the machine's.
        let repeatable = !seen.contains_key("runtime lost");
        if (seed % TWICE == 0 || replayed.is_some()) && repeatable {
            assert_eq!(trace, simulate(seed).trace, "the same seed, another run");
        }
        requests += asked;
        replay.did(asked as u64);
        for (event, count) in seen {
            *counts.entry(event).or_insert(0) += count;
        }
    }
    let took = began.elapsed();
    eprintln!("{seeds} seeds, {requests} requests in {took:.1?}");
    if replayed.is_none() {
        check_coverage(&counts, seeds);
    }
}

/// The events that a thousand seeds must cover, and how often at least.
const COVERAGE: &[(&str, u64)] = &[
    ("Capacity Panics", 30),
    ("Check Fails", 20),
    ("Check Panics", 4),
    ("Close Hangs", 500),
    ("Close Panics", 10),
    ("Connect Fails", 600),
    ("Connect Hangs", 70),
    ("Connect Panics", 10),
    ("Drop Panics", 10),
    ("Handshake Fails", 400),
    ("Handshake Hangs", 50),
    ("Handshake Panics", 9),
    ("Resolve Fails", 900),
    ("Resolve Hangs", 80),
    ("Resolve Panics", 20),
    ("Share Fails", 90),
    ("Share Panics", 10),
    ("Watch Fails", 300),
    ("Watch Panics", 20),
    ("a wake for nothing", 7_000),
    ("another capacity", 500),
    ("answered: Cancelled", 2_000),
    ("answered: Connect", 1_000),
    ("answered: Lost", 5),
    ("answered: QueueFull", 6_000),
    ("answered: Runtime", 10),
    ("answered: ShutDown", 2_000),
    ("answered: Timeout", 10_000),
    ("answered: deferred", 1_000),
    ("answered: immediate", 1_000),
    ("answered: new", 6_000),
    ("broken in use", 800),
    ("broken off", 400),
    ("cancelled", 1_000),
    ("closed", 400),
    ("dropped", 2_000),
    ("dropped as it was answered", 2_000),
    ("evicted", 800),
    ("expired", 300),
    ("closed by the peer while idle", 200),
    ("exchange", 8_000),
    ("exchange after a goodbye", 100),
    ("freed outside of a runtime", 10),
    ("freed with unread data", 400),
    ("handed out before the end was known", 40),
    ("held for long", 100),
    ("last handle", 40),
    ("leaked", 30),
    ("letter cancelled", 1_000),
    ("moved", 3_000),
    ("panic with a lease", 400),
    ("responses dropped", 30),
    ("restless", 900),
    ("runtime lost", 30),
    ("shutdown", 40),
    ("the peer closes", 6_000),
    ("the peer closes, nobody is told yet", 2_000),
    ("the peer says goodbye", 1_000),
    ("too late to cancel", 10),
];

fn check_coverage(counts: &BTreeMap<String, u64>, seeds: u64) {
    for (event, count) in counts {
        eprintln!("{count:>9} {event}");
    }
    for &(event, wanted) in COVERAGE {
        let seen = counts.get(event).copied().unwrap_or(0);
        let wanted = wanted * seeds / 1000;
        assert!(seen >= wanted, "{event}: {seen} times, not {wanted}");
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}
