//! `cargo xtask sim`: random lives of engines, on all cores.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use keepalive_testkit::coverage::Coverage;
use keepalive_testkit::replay::Replay;
use keepalive_testkit::swarm;

/// A run of this many steps must have seen everything often.
const LONG_RUN: u64 = 20_000_000;
const OFTEN: u64 = 1_000;
/// How many steps one thread takes before it says so.
const BATCH: u64 = 64;

/// Simulates engines: every invariant after every step
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// First seed; without it, one that changes with the time
    #[arg(long)]
    seed: Option<u64>,
    /// How many seeds; without it, as many as --total takes
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Random inputs per seed
    #[arg(long, default_value_t = 1_400, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// Random inputs in all
    #[arg(long, default_value_t = 100_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    total: u64,
    /// Threads; without it, one per core
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    jobs: Option<u64>,
    /// Observe every life, and check its events; no life takes a fast path then
    #[arg(long)]
    observe: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let first = arguments.seed.unwrap_or_else(changing_seed);
    let steps = usize::try_from(arguments.steps).map_err(|error| error.to_string())?;
    let seeds = arguments
        .seeds
        .unwrap_or(arguments.total.div_ceil(arguments.steps));
    let jobs = arguments.jobs.unwrap_or_else(cores);
    println!(
        "seeds {first} to {}, {steps} steps each, {jobs} threads",
        first.saturating_add(seeds - 1)
    );

    let start = Instant::now();
    let bar = progress(seeds * arguments.steps);
    let next = AtomicU64::new(0);
    let failed = AtomicUsize::new(0);
    let coverage = Mutex::new(Coverage::default());
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                let mut seen = Coverage::default();
                while failed.load(Ordering::Relaxed) == 0 {
                    let from = next.fetch_add(BATCH, Ordering::Relaxed);
                    if from >= seeds {
                        break;
                    }
                    for seed in from..seeds.min(from + BATCH) {
                        let Some(report) = live(first.wrapping_add(seed), steps, arguments.observe)
                        else {
                            failed.fetch_add(1, Ordering::Relaxed);
                            break;
                        };
                        seen.merge(&report.coverage);
                    }
                    bar.inc(BATCH.min(seeds - from) * arguments.steps);
                }
                coverage.lock().expect("nobody panics with it").merge(&seen);
            });
        }
    });
    bar.finish_and_clear();
    if failed.into_inner() > 0 {
        return Err("an invariant does not hold".to_owned());
    }
    let steps = seeds * arguments.steps;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{} steps in {seconds:.1} s, every invariant after each: all hold",
        HumanCount(steps)
    );
    let coverage = coverage.into_inner().expect("nobody panics with it");
    let rarest = coverage.rarest();
    for (event, times) in rarest.iter().take(5) {
        println!("{:>14}  {event}", HumanCount(*times).to_string());
    }
    // Observed lives take no fast path, which coverage would miss.
    let long = steps >= LONG_RUN && !arguments.observe;
    match rarest.first() {
        Some((event, times)) if long && *times < OFTEN => Err(format!(
            "the run has proved less than it seems: \"{event}\" happened only {times} times"
        )),
        _ => Ok(()),
    }
}

/// One life; some are lived twice, to see that chance comes from the seed alone, or observed.
fn live(seed: u64, steps: usize, observe: bool) -> Option<swarm::Report> {
    let life = AssertUnwindSafe(|| {
        let replay = Replay::new("steps");
        match seed % 16 {
            _ if observe => swarm::observed(seed, steps, &replay),
            0 => swarm::repeats(seed, steps, &replay),
            7 => swarm::observed(seed, steps, &replay),
            _ => swarm::live(seed, steps, false, &replay),
        }
    });
    catch_unwind(life).ok()
}

/// A number that no two runs share.
pub(crate) fn changing_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs()) * 1_000_000
}

fn cores() -> u64 {
    thread::available_parallelism().map_or(1, |cores| cores.get() as u64)
}

fn progress(length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    let style = "{bar:40} {human_pos} of {human_len} steps, {eta} left";
    bar.with_style(ProgressStyle::with_template(style).expect("a sound template"))
}
