//! The report: tables and targets.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use keepalive_bench::machine::Machine;

use crate::contenders::{Both, Contender};
use crate::rows::Row;

/// Time that the path and the machine may take on top of the delays.
const MARGIN: Duration = Duration::from_millis(10);

/// The marker before the tables in the document.
const BEGIN: &str = "<!-- written by `race --write` -->\n";
const END: &str = "<!-- end -->\n";

/// Peers of the other programs.
const OTHERS: [&str; 3] = ["bb8", "deadpool", "pingora-pool"];

pub(crate) struct Figures {
    rows: Vec<Row>,
    repeats: usize,
    facts: Vec<(String, String)>,
    samples: Vec<Vec<Vec<Both>>>,
}

#[derive(Clone, Copy)]
enum Which {
    First,
    Next,
}

impl Which {
    fn of(self, both: &Both) -> Duration {
        match self {
            Self::First => both.first,
            Self::Next => both.next,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::First => "The first connection to a name",
            Self::Next => "The next one, by the same manager, connector or curl",
        }
    }
}

impl Figures {
    pub(crate) fn new(rows: &[Row], repeats: usize) -> Self {
        let samples = vec![vec![Vec::new(); Contender::ALL.len()]; rows.len()];
        Self {
            rows: rows.to_vec(),
            repeats,
            facts: Machine::here().facts,
            samples,
        }
    }

    pub(crate) fn add(&mut self, row: &Row, contender: Contender, took: Both) {
        let at = self.rows.iter().position(|other| other.name == row.name);
        self.samples[at.expect("a row of this table")][contender as usize].push(took);
    }

    /// `None` if it was not asked.
    fn median(&self, row: usize, contender: Contender, which: Which) -> Option<Duration> {
        let samples = &self.samples[row][contender as usize];
        let mut times: Vec<_> = samples.iter().map(|both| which.of(both)).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }

    /// Where we are later than the RFC allows.
    pub(crate) fn late(&self) -> Vec<String> {
        let mut late = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            for which in [Which::First, Which::Next] {
                let ours = self.median(at, Contender::Keepalive, which);
                if let Some(ours) = ours.filter(|&ours| ours > row.allowed + MARGIN) {
                    let (allowed, ours) = (milliseconds(row.allowed), milliseconds(ours));
                    late.push(format!("{}: {ours} ms, not {allowed} ms", row.title));
                }
            }
        }
        late
    }

    /// Where a peer is ahead of us.
    pub(crate) fn behind(&self) -> Vec<String> {
        let mut behind = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            for which in [Which::First, Which::Next] {
                let ours = self.median(at, Contender::Keepalive, which);
                for peer in Contender::ALL.into_iter().filter(|peer| peer.is_peer()) {
                    let theirs = self.median(at, peer, which);
                    let (Some(ours), Some(theirs)) = (ours, theirs) else {
                        continue;
                    };
                    if theirs + MARGIN < ours {
                        let (ours, theirs) = (milliseconds(ours), milliseconds(theirs));
                        let peer = peer.name();
                        let title = row.title;
                        behind.push(format!("{title}: {ours} ms, {peer} {theirs} ms"));
                    }
                }
            }
        }
        behind
    }

    pub(crate) fn plain(&self) -> String {
        let mut text = String::new();
        for which in [Which::First, Which::Next] {
            let lines = self.cells(which);
            let widths: Vec<usize> = (0..lines[0].len())
                .map(|column| lines.iter().map(|line| line[column].len()).max())
                .map(|width| width.unwrap_or(0))
                .collect();
            let _ = writeln!(text, "{}, ms:", which.title());
            for line in lines {
                let _ = write!(text, "  {:<1$}", line[0], widths[0]);
                for (cell, width) in line.iter().zip(&widths).skip(1) {
                    let _ = write!(text, "  {cell:>width$}");
                }
                text.push('\n');
            }
        }
        text
    }

    fn cells(&self, which: Which) -> Vec<Vec<String>> {
        let mut head = vec![String::new(), "RFC 8305 allows".to_owned()];
        head.extend(Contender::ALL.map(|contender| contender.name().to_owned()));
        let mut lines = vec![head];
        for (at, row) in self.rows.iter().enumerate() {
            let mut line = vec![row.title.to_owned(), milliseconds(row.allowed)];
            line.extend(Contender::ALL.map(|contender| {
                let median = self.median(at, contender, which);
                median.map_or("–".to_owned(), milliseconds)
            }));
            lines.push(line);
        }
        lines
    }

    /// Puts the tables into the document.
    pub(crate) fn write(&self) -> Result<()> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/racing.md");
        let text = std::fs::read_to_string(&path).context("reading docs/racing.md")?;
        let place = "finding the place of the tables in docs/racing.md";
        let (before, rest) = text.split_once(BEGIN).context(place)?;
        let (_, after) = rest.split_once(END).context(place)?;
        let text = [before, BEGIN, &self.markdown(), END, after].concat();
        std::fs::write(&path, text).context("writing docs/racing.md")
    }

    fn markdown(&self) -> String {
        let mut text = String::new();
        for which in [Which::First, Which::Next] {
            let _ = writeln!(text, "\n{}, in milliseconds:\n", which.title());
            for (at, line) in self.cells(which).iter().enumerate() {
                let _ = writeln!(text, "| {} |", line.join(" | "));
                if at == 0 {
                    let _ = writeln!(text, "|---|{}", "---:|".repeat(line.len() - 1));
                }
            }
        }
        let facts = self
            .facts
            .iter()
            .filter(|(what, _)| !OTHERS.contains(&what.as_str()))
            .map(|(what, which)| format!("{what} {which}"))
            .chain(curl_version())
            .collect::<Vec<_>>();
        let _ = writeln!(
            text,
            "\nMedians of {} rounds: {}.\n",
            self.repeats,
            facts.join("; ")
        );
        text
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.0}", time.as_secs_f64() * 1000.0)
}

/// The first two words: what follows differs by how it was built.
fn curl_version() -> Option<String> {
    let output = Command::new("curl").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let words: Vec<_> = text.split(' ').take(2).collect();
    Some(words.join(" "))
}
