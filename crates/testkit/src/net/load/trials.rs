//! The table of combinations, as tests run it.
#![allow(clippy::print_stdout, reason = "the figures are what it is run for")]

use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::runtime::{Builder, Runtime};

use super::Caller;
use super::figures::Figures;
use super::trial::{self, Trial};
use crate::net::census::Census;
use crate::net::combinations::{self, Combination};

/// How many trials run at once: they spend most of their time waiting.
const AT_ONCE: usize = 6;

/// Runs the combinations that `KEEPALIVE_CHAOS` names: `full`, one by its name, or, if it is not
/// set, some of each sort. The seed is that of `KEEPALIVE_CHAOS_SEED`, or of the day.
///
/// # Panics
///
/// If a check fails, with the failures and the command that repeats the run. The seed repeats the
/// peers' faults and the requests, but not the schedule of the threads.
pub fn run<C: Caller>(package: &str, test: &str) {
    let combinations = chosen();
    let seed = seed();
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    println!(
        "{} combinations, KEEPALIVE_CHAOS_SEED={seed}",
        combinations.len()
    );

    let before = runtime.block_on(async { Census::take() });
    let (trials, failures) = run_all::<C>(&combinations, seed);
    print_table(&combinations, &trials);
    for (name, failure) in &failures {
        println!(
            "{name}: {failure}\n  again: KEEPALIVE_CHAOS={name} KEEPALIVE_CHAOS_SEED={seed} \
             cargo test -p {package} --test {test} -- --nocapture"
        );
    }
    assert!(
        failures.is_empty(),
        "{failures:?}, with KEEPALIVE_CHAOS_SEED={seed}"
    );
    let back = runtime.block_on(before.returns(Duration::from_secs(10)));
    back.unwrap_or_else(|left| panic!("left: {left}; KEEPALIVE_CHAOS_SEED={seed}"));
}

fn chosen() -> Vec<Combination> {
    match env::var("KEEPALIVE_CHAOS").as_deref() {
        Err(_) => combinations::few(),
        Ok("full") => combinations::all(),
        Ok(name) => {
            let named = combinations::all().into_iter();
            let named: Vec<_> = named.filter(|each| each.to_string() == name).collect();
            assert!(
                !named.is_empty(),
                "KEEPALIVE_CHAOS: no combination is called {name}"
            );
            named
        }
    }
}

fn seed() -> u64 {
    match env::var("KEEPALIVE_CHAOS_SEED") {
        Ok(seed) => seed.parse().expect("KEEPALIVE_CHAOS_SEED is a number"),
        Err(_) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            now.expect("after 1970").as_secs()
        }
    }
}

type Failure = (String, String);

fn run_all<C: Caller>(
    combinations: &[Combination],
    seed: u64,
) -> (Vec<Option<Trial>>, Vec<Failure>) {
    let peers = peers();
    let next = AtomicUsize::new(0);
    let trials = Mutex::new(Vec::from_iter(combinations.iter().map(|_| None)));
    let failures = Mutex::new(Vec::new());
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(combination) = combinations.get(number) else {
                return;
            };
            let name = combination.to_string();
            let (seed, threads) = (seed ^ hash(&name), 1 + name.len() % 2);
            match trial::run::<C>(combination, seed, threads, peers.handle()) {
                Ok(trial) => trials.lock().expect("no panic")[number] = Some(trial),
                Err(failure) => failures.lock().expect("no panic").push((name, failure)),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    peers.shutdown_timeout(Duration::from_secs(5));
    let (trials, failures) = (trials.into_inner(), failures.into_inner());
    (trials.expect("no panic"), failures.expect("no panic"))
}

fn peers() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build();
    runtime.expect("a runtime")
}

/// The same in every build and on every machine.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

fn print_table(combinations: &[Combination], trials: &[Option<Trial>]) {
    println!(
        "{:<44} {:>8} {:>6} {:>9} {:>6} {:>7} {:>9} {:>8}",
        "combination", "answered", "failed", "withdrawn", "faults", "opened", "late p99.9", "took"
    );
    let mut sum = Figures::default();
    let mut faults = 0;
    for (combination, trial) in combinations.iter().zip(trials) {
        let Some(trial) = trial else { continue };
        let figures = &trial.figures;
        let count: u64 = trial.faults.values().sum();
        println!(
            "{:<44} {:>8} {:>6} {:>9} {:>6} {:>7} {:>9.1?} {:>8.1?}",
            combination.to_string(),
            figures.answered,
            figures.failed_count(),
            figures.withdrawn,
            count,
            trial.opened,
            figures.late_for_all_but(1),
            trial.took
        );
        faults += count;
        sum.add(figures.clone());
    }
    println!(
        "{} asked, {} answered, {} withdrawn, {} failed, {} wrong; {faults} faults; late: p99.9 \
         {:?}, at most {:?}",
        sum.asked,
        sum.answered,
        sum.withdrawn,
        sum.failed_count(),
        sum.wrong_count,
        sum.late_for_all_but(1),
        sum.latest()
    );
    for (text, count) in &sum.failures {
        println!("{count:>8} {text}");
    }
}
