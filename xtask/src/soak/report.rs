//! The results of a soak.
#![allow(clippy::print_stdout, reason = "the figures are what it is run for")]

use std::collections::BTreeMap;
use std::time::Duration;

use keepalive_testkit::net::census::Census;
use keepalive_testkit::net::load::Figures;

pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) time: Duration,
    pub(super) figures: Figures,
    pub(super) served: u64,
    pub(super) opened: usize,
    pub(super) faults: BTreeMap<String, u64>,
    pub(super) start: Census,
    pub(super) end: Census,
    pub(super) highest: Highest,
    pub(super) limit_violations: u64,
    /// Any of them makes the run fail.
    pub(super) violations: Vec<String>,
}

/// The maximum of each figure; the maxima may come from different times.
#[derive(Clone, Default)]
pub(super) struct Highest {
    descriptors: usize,
    tasks: usize,
    threads: usize,
    resident: usize,
}

/// The most by which a manager may be late on a busy machine.
const MOST_LATE: Duration = Duration::from_secs(2);

impl Highest {
    pub(super) fn see(&mut self, census: &Census) {
        self.descriptors = self.descriptors.max(census.open());
        self.tasks = self.tasks.max(census.tasks);
        self.threads = self.threads.max(census.threads);
        self.resident = self.resident.max(census.resident);
    }
}

impl Report {
    pub(super) fn new(seed: u64, time: Duration) -> Self {
        Self {
            seed,
            time,
            figures: Figures::default(),
            served: 0,
            opened: 0,
            faults: BTreeMap::new(),
            start: Census::default(),
            end: Census::default(),
            highest: Highest::default(),
            limit_violations: 0,
            violations: Vec::new(),
        }
    }

    pub(super) fn add_figures(&mut self, figures: Figures) {
        self.violations.extend(figures.wrong.iter().cloned());
        if figures.latest() > MOST_LATE {
            let late = figures.latest();
            self.violations
                .push(format!("an answer was late by {late:?}"));
        }
        self.figures.add(figures);
    }

    pub(super) fn add_faults(&mut self, faults: BTreeMap<String, u64>) {
        for (fault, count) in faults {
            *self.faults.entry(fault).or_default() += count;
        }
    }

    pub(super) fn print(&self, json: bool) {
        if json {
            println!("{:#}", self.json());
        } else {
            self.print_table();
        }
    }

    fn json(&self) -> serde_json::Value {
        let census = |census: &Census| {
            serde_json::json!({
                "descriptors": census.open(),
                "sockets": census.sockets(),
                "tasks": census.tasks,
                "threads": census.threads,
                "resident_bytes": census.resident,
            })
        };
        serde_json::json!({
            "seed": self.seed,
            "seconds": self.time.as_secs_f64(),
            "asked": self.figures.asked,
            "answered": self.figures.answered,
            "withdrawn": self.figures.withdrawn,
            "failed": self.figures.failures,
            "wrong": self.figures.wrong_count,
            "served": self.served,
            "opened": self.opened,
            "faults": self.faults,
            "start": census(&self.start),
            "end": census(&self.end),
            "highest": {
                "descriptors": self.highest.descriptors,
                "tasks": self.highest.tasks,
                "threads": self.highest.threads,
                "resident_bytes": self.highest.resident,
            },
            "limit_violations": self.limit_violations,
            "late_p999_micros": self.figures.late_for_all_but(1).as_micros() as u64,
            "late_max_micros": self.figures.latest().as_micros() as u64,
            "violations": self.violations,
        })
    }

    fn print_table(&self) {
        let figures = &self.figures;
        println!("soak of {:?}, seed {}", self.time, self.seed);
        println!("{:>12} requests asked by clients", figures.asked);
        println!("{:>12} answered", figures.answered);
        println!("{:>12} withdrawn", figures.withdrawn);
        println!(
            "{:>12} answered with an error, or broken off:",
            figures.failed_count()
        );
        print_counts(&figures.failures);
        println!("{:>12} requests served, as the servers count", self.served);
        println!(
            "{:>12} connections opened, as the servers count",
            self.opened
        );
        println!("{:>12} faults:", self.faults.values().sum::<u64>());
        print_counts(&self.faults);
        println!("{:>12} {:>12} {:>12} {:>12}", "", "start", "end", "at most");
        let (start, end, highest) = (&self.start, &self.end, &self.highest);
        print_row("descriptors", start.open(), end.open(), highest.descriptors);
        print_row("tasks", start.tasks, end.tasks, highest.tasks);
        print_row("threads", start.threads, end.threads, highest.threads);
        let [from, to, most] =
            [start.resident, end.resident, highest.resident].map(|bytes| bytes >> 10);
        print_row("KiB resident", from, to, most);
        println!("{:>12} wrong answers", figures.wrong_count);
        println!("{:>12} violations of a limit", self.limit_violations);
        let late = (figures.late_for_all_but(1), figures.latest());
        println!(
            "late: 99.9 % by at most {:?}, all by at most {:?}",
            late.0, late.1
        );
        for violation in &self.violations {
            println!("VIOLATION: {violation}");
        }
    }
}

fn print_counts(counts: &BTreeMap<String, u64>) {
    for (what, count) in counts {
        println!("{count:>16} {what}");
    }
}

fn print_row(what: &str, start: usize, end: usize, most: usize) {
    println!("{what:>12} {start:>12} {end:>12} {most:>12}");
}
