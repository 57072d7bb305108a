//! `cargo xtask soak`: clients and failing peers over real sockets, for as long as one likes.
//!
//! The figures of a run, and the reasons for its failure, are in [`report::Report`].

mod progress;
mod report;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use keepalive_testkit::dice::Dice;
use keepalive_testkit::net::census::Census;
use keepalive_testkit::net::combinations::{self, Combination};
use keepalive_testkit::net::load::{Caller, Figures, HttpCaller, Limits, RawCaller, Script, Site};
use keepalive_testkit::net::toxic::Toxic;
use keepalive_testkit::wait::holds_within;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::sleep;

use progress::Progress;
use report::{Highest, Report};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Repeats the faults and the requests, but not the order of threads [default: the time]
    #[arg(long)]
    seed: Option<u64>,
    /// Writes the figures as JSON
    #[arg(long)]
    json: bool,
}

const LIMITS: Limits = Limits {
    max_per_host: 3,
    max_open: 6,
    timeout: Duration::from_millis(300),
    patience: Duration::from_millis(300),
};
/// Clients of each protocol.
const CLIENTS: u64 = 8;
const WARM_UP: Duration = Duration::from_secs(5);
/// The limit for steps that happen at once on an idle machine.
const SOON: Duration = Duration::from_secs(20);

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seed = arguments.seed.unwrap_or(now.map_or(0, |now| now.as_secs()));
    let time = Duration::from_secs_f64(arguments.minutes * 60.0);
    let (peers, clients) = (runtime(1), runtime(2));
    let report = clients.block_on(soak(time, seed, peers.handle()));
    report.print(arguments.json);
    match report.violations.len() {
        0 => Ok(()),
        violations => Err(format!("{violations} violations: see above")),
    }
}

fn runtime(threads: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(threads).enable_all().build();
    runtime.expect("a runtime")
}

async fn soak(time: Duration, seed: u64, peers: &Handle) -> Report {
    let lines = Site::open(RawCaller::PROTOCOL, LIMITS, seed, peers).await;
    let https = Site::open(HttpCaller::PROTOCOL, LIMITS, !seed, peers).await;
    let mut report = Report::new(seed, time);

    // The warm-up creates the state that a process creates once and keeps, threads for example.
    let progress = Progress::silent();
    both(&lines, &https, WARM_UP, seed, &mut report, &progress).await;
    rest().await;
    report = Report::new(seed, time);
    report.start = Census::take();
    let before = [lines.served(), https.served()];
    let opened = [lines.opened(), https.opened()];

    let progress = Progress::of(time);
    both(&lines, &https, time, seed ^ 1, &mut report, &progress).await;
    if let Err(left) = report.start.returns(SOON).await {
        report.violations.push(format!("left at the end: {left}"));
    }
    report.end = Census::take();
    progress.done();

    report.served = lines.served() + https.served() - before.iter().sum::<u64>();
    report.opened = lines.opened() + https.opened() - opened.iter().sum::<usize>();
    for site in [&lines, &https] {
        report.add_faults(site.faults());
    }
    report
}

/// Waits until the number of descriptors stays the same for a while.
async fn rest() {
    let mut last = (Instant::now(), Census::take().open());
    holds_within(SOON, || {
        let open = Census::take().open();
        if open != last.1 {
            last = (Instant::now(), open);
        }
        last.0.elapsed() > Duration::from_millis(500)
    })
    .await;
}

/// One manager of each kind, from its first request to its end.
async fn both(
    lines: &Site,
    https: &Site,
    time: Duration,
    seed: u64,
    report: &mut Report,
    progress: &Progress,
) {
    let (raw, http) = (RawCaller::new(LIMITS), HttpCaller::new(LIMITS));
    let scripts = [Script::new(&lines.peers), Script::new(&https.peers)];
    let highest = Arc::new(Mutex::new(Highest::default()));
    let watch = async {
        let start = Instant::now();
        while start.elapsed() < time {
            sleep(Duration::from_millis(100)).await;
            let census = Census::take();
            highest.lock().expect("no panic").see(&census);
            progress.tell(start.elapsed(), &sum(&scripts), &census);
        }
        scripts.iter().for_each(Script::stop);
    };
    tokio::join!(
        watch,
        change(lines, time, seed ^ 2),
        change(https, time, seed ^ 3),
        hold(&raw, lines, time, seed ^ 4),
        hold(&http, https, time, seed ^ 5),
        scripts[0].ask(&raw, CLIENTS, u64::MAX, seed ^ 6),
        scripts[1].ask(&http, CLIENTS, u64::MAX, seed ^ 7),
    );
    report.highest = highest.lock().expect("no panic").clone();
    report.add_figures(sum(&scripts));
    end(raw, lines, report).await;
    end(http, https, report).await;
}

fn sum(scripts: &[Script]) -> Figures {
    let mut sum = Figures::default();
    for script in scripts {
        sum.add(script.figures());
    }
    sum
}

/// Changes the faults at one server after another.
async fn change(site: &Site, time: Duration, seed: u64) {
    let (start, mut dice) = (Instant::now(), Dice(seed));
    let all = combinations::singles();
    while start.elapsed() < time {
        let toxics: Vec<Toxic> = (0..dice.below(4))
            .map(|_| all[dice.below(all.len())])
            .collect();
        site.set_one(dice.below(3), &toxics);
        sleep(Duration::from_millis(100 + dice.roll() % 900)).await;
    }
    site.set(&Combination(Vec::new()));
}

/// A user that holds connections for a while before giving them back.
async fn hold(caller: &impl Caller, site: &Site, time: Duration, seed: u64) {
    let (start, mut dice) = (Instant::now(), Dice(seed));
    while start.elapsed() < time {
        let held = caller.hold(site.peers[dice.below(3)].port).await;
        sleep(Duration::from_millis(dice.roll() % 3000)).await;
        drop(held);
    }
}

/// Ends a manager, with one connection still held, and then with none.
async fn end(caller: impl Caller, site: &Site, report: &mut Report) {
    if let Err(violation) = site.check_limits(&caller) {
        report.limit_violations += 1;
        report.violations.push(violation);
    }
    let held = caller.hold(site.peers[0].port).await;
    let out = caller.shut_down(Duration::from_millis(100)).await;
    if out != usize::from(held.is_some()) {
        report.violations.push(format!(
            "{out} leases were out after a shutdown, not the one held"
        ));
    }
    drop(held);
    let out = caller.shut_down(SOON).await;
    let totals = caller.totals();
    if out != 0 || totals.open != 0 || totals.waiting != 0 {
        report
            .violations
            .push(format!("{out} leases out after the shutdown: {totals:?}"));
    }
    drop(caller);
    if !holds_within(SOON, || site.sockets().is_empty()).await {
        let states = site.sockets();
        report
            .violations
            .push(format!("sockets are left in the states {states:?}"));
    }
}
