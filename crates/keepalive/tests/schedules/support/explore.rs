//! Running a scenario under many schedules.

#![allow(clippy::print_stderr)] // how many there were, and which one failed

use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use keepalive::simulated::Simulation;
use shuttle::future::block_on;
use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, Runner};

/// The depth of PCT: one more than the preemptions that a bug needs.
const DEPTH: usize = 3;

/// The schedules of all scenarios so far.
static TOTAL: AtomicUsize = AtomicUsize::new(0);

/// Runs a scenario with both schedulers, or only the schedule that `KEEPALIVE_SCHEDULE` gives.
pub(crate) fn explore(scenario: impl AsyncFn() + Copy + Send + Sync + 'static) {
    let run = move || {
        let _simulation = Simulation::begin();
        block_on(scenario());
    };
    let thread = std::thread::current();
    let name = thread.name().unwrap_or_default().to_owned();
    if let Ok(schedule) = std::env::var("KEEPALIVE_SCHEDULE") {
        let mut replay = ReplayScheduler::new_from_encoded(&schedule);
        // The schedule ends at its failure; the scenario goes on if that is mended.
        replay.set_allow_incomplete();
        runner(replay).run(run);
        return;
    }
    let schedules = from_environment("KEEPALIVE_SCHEDULES", 200);
    let seed = from_environment("KEEPALIVE_SEED", 0);
    let _replay = Replay(&name);
    let start = Instant::now();
    let random = runner(RandomScheduler::new_from_seed(seed, schedules)).run(run);
    let pct = runner(PctScheduler::new_from_seed(seed, DEPTH, schedules)).run(run);
    let total = TOTAL.fetch_add(random + pct, Ordering::Relaxed) + random + pct;
    eprintln!(
        "{name}: {random} random and {pct} PCT schedules in {:.1} s; {total} of all scenarios",
        start.elapsed().as_secs_f64()
    );
}

fn runner<S: Scheduler + 'static>(scheduler: S) -> Runner<S> {
    let mut config = Config::new();
    config.stack_size = 1 << 17;
    config.silence_warnings = true;
    Runner::new(scheduler, config)
}

fn from_environment<T: FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name}={value}")),
        Err(_) => default,
    }
}

/// Prints how to run a failed schedule again.
struct Replay<'a>(&'a str);

impl Drop for Replay<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "again, with the schedule printed above: KEEPALIVE_SCHEDULE=... RUSTFLAGS=\"--cfg \
                 keepalive_shuttle\" cargo test --release -p keepalive --test schedules {}",
                self.0
            );
        }
    }
}
