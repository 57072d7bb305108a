//! The project's targets beside the measured figures.

use std::fmt::Write;

use crate::report::Report;
use crate::table::{Line, Table};

/// A target and its measured figure.
pub struct Outcome {
    pub what: &'static str,
    pub limit: Limit,
    /// `None` if its figures are missing.
    pub measured: Option<f64>,
}

/// The limit of a figure.
#[derive(Clone, Copy)]
pub enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Outcome {
    /// Whether the target is met.
    pub fn met(&self) -> bool {
        match (self.measured, self.limit) {
            (Some(measured), Limit::AtMost(most)) => measured <= most,
            (Some(measured), Limit::AtLeast(least)) => measured >= least,
            (None, _) => false,
        }
    }
}

/// The targets of all rows that were measured.
pub fn compare(report: &Report) -> Vec<Outcome> {
    let measured = |target: &&Target| report.tables().any(|table| table.id == target.table);
    let outcomes = TARGETS.iter().filter(measured).map(|target| Outcome {
        what: target.what,
        limit: target.limit,
        measured: target.figure(report),
    });
    outcomes.collect()
}

/// The outcomes as a table.
pub fn markdown(outcomes: &[Outcome]) -> String {
    let mut text = String::from("| | target | measured | met |\n|---|---:|---:|---|\n");
    for outcome in outcomes {
        let limit = match outcome.limit {
            Limit::AtMost(most) => format!("at most {most}"),
            Limit::AtLeast(least) => format!("at least {least}"),
        };
        let measured = match outcome.measured {
            Some(figure) if figure < 10.0 => format!("{figure:.2}"),
            Some(figure) => format!("{figure:.0}"),
            None => "missing".to_owned(),
        };
        let met = if outcome.met() { "yes" } else { "no" };
        let _ = writeln!(text, "| {} | {limit} | {measured} | {met} |", outcome.what);
    }
    text
}

struct Target {
    what: &'static str,
    table: &'static str,
    figure: Figure,
    limit: Limit,
}

enum Figure {
    /// The median of ratios of ours to the line of that name.
    RatioTo(&'static str),
    /// Our median.
    Median,
    /// The median of ratios of the largest size to the smallest.
    Growth,
    /// The same growth, divided by that in another table.
    GrowthBeside(&'static str),
}

const TARGETS: &[Target] = &[
    ratio("a: to deadpool", "a", "deadpool", Limit::AtMost(0.5)),
    ratio("b: to deadpool", "b", "deadpool", Limit::AtMost(0.6)),
    ratio(
        "c, one worker: to deadpool",
        "c1",
        "deadpool",
        Limit::AtMost(0.75),
    ),
    ratio(
        "c, two workers: to deadpool",
        "c2",
        "deadpool",
        Limit::AtMost(0.75),
    ),
    ratio(
        "d, one task: to deadpool in a HashMap",
        "d1",
        "deadpool",
        Limit::AtMost(0.4),
    ),
    ratio(
        "d, 64 tasks: to deadpool in a HashMap",
        "d64",
        "deadpool",
        Limit::AtMost(0.5),
    ),
    ratio(
        "e, to drain: to deadpool",
        "e-drain",
        "deadpool",
        Limit::AtMost(0.7),
    ),
    ratio(
        "e, to cancel: to deadpool",
        "e-cancel",
        "deadpool",
        Limit::AtMost(0.85),
    ),
    median("e: resident bytes per waiter", "e-memory", 450.0),
    median(
        "f: heap bytes per idle connection of one host",
        "f-one",
        200.0,
    ),
    median(
        "f: heap bytes per host with one idle connection",
        "f-many",
        400.0,
    ),
    ratio(
        "g: rate, to a socket per task",
        "g",
        "a socket per task",
        Limit::AtLeast(0.97),
    ),
    ratio(
        "h: rate, to tokio alone",
        "h-rate",
        "tokio alone",
        Limit::AtLeast(0.95),
    ),
    ratio(
        "h: processor time, to tokio alone",
        "h-cpu",
        "tokio alone",
        Limit::AtMost(1.1),
    ),
    ratio(
        "i: rate with 32 tasks, to hyper without a pool",
        "i32",
        "hyper, a connection per task",
        Limit::AtLeast(1.25),
    ),
    ratio(
        "i: rate with 256 tasks, to hyper without a pool",
        "i256",
        "hyper, a connection per task",
        Limit::AtLeast(1.25),
    ),
    median("i: connections of 50 tasks, limited to 2", "i-limit", 2.0),
    ratio(
        "j: rate with 32 tasks, to hyper without a pool",
        "j32",
        "hyper, a connection per 100 tasks",
        Limit::AtLeast(0.97),
    ),
    ratio(
        "j: rate with 256 tasks, to hyper without a pool",
        "j256",
        "hyper, a connection per 100 tasks",
        Limit::AtLeast(0.97),
    ),
    // A search through the queue would take a hundred times as long; caches cost a factor of two.
    Target {
        what: "growth: time per waiter, most to fewest waiters",
        table: "growth-waiters",
        figure: Figure::Growth,
        limit: Limit::AtMost(2.0),
    },
    // Random hosts miss the caches in any structure, so growth is relative to the locked map.
    Target {
        what: "growth: most to fewest hosts, to the same of a locked map",
        table: "growth-hosts",
        figure: Figure::GrowthBeside("growth-hosts-bound"),
        limit: Limit::AtMost(1.5),
    },
];

const fn ratio(what: &'static str, table: &'static str, to: &'static str, limit: Limit) -> Target {
    Target {
        what,
        table,
        figure: Figure::RatioTo(to),
        limit,
    }
}

const fn median(what: &'static str, table: &'static str, most: f64) -> Target {
    Target {
        what,
        table,
        figure: Figure::Median,
        limit: Limit::AtMost(most),
    }
}

impl Target {
    fn figure(&self, report: &Report) -> Option<f64> {
        let find = |id: &str| report.tables().find(|table| table.id == id);
        let table = find(self.table)?;
        match self.figure {
            Figure::RatioTo(name) => Some(ours(table)?.ratio_to(table.line(name)?)),
            Figure::Median => Some(ours(table)?.median()),
            Figure::Growth => growth(table),
            Figure::GrowthBeside(other) => Some(growth(table)? / growth(find(other)?)?),
        }
    }
}

fn ours(table: &Table) -> Option<&Line> {
    table.line("keepalive")
}

fn growth(table: &Table) -> Option<f64> {
    Some(table.lines.last()?.ratio_to(table.lines.first()?))
}
