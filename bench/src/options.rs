//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::child::Child;
use crate::plan::Plan;
use crate::rows::Row;

/// Measures keepalive beside other pools, in one run, and prints a table for each question.
///
/// A run of all rows at full length also writes RESULTS.md and a chart for each row, into the
/// folder of the benchmark. A run that is quick, or of some rows only, or with other rounds, writes
/// nothing unless --write or --out asks for it.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Options {
    /// Fewer rounds and smaller crowds: less than two minutes in all
    #[arg(long)]
    pub quick: bool,

    /// Measure this row only; may be given again
    #[arg(long = "row", value_name = "ROW", value_enum)]
    pub rows: Vec<Row>,

    /// Rounds of every row
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub rounds: Option<u16>,

    /// Write every sample into this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Write RESULTS.md and charts even though the run is not a full one
    #[arg(long)]
    pub write: bool,

    /// Write RESULTS.md and charts into this folder, whatever the run
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Compare the figures with the project's targets; exit code 1 when one is missed
    #[arg(long)]
    pub check: bool,

    /// A subcommand that the benchmark starts itself.
    #[command(subcommand)]
    pub child: Option<Child>,
}

impl Options {
    /// How much is to be measured.
    pub fn plan(&self) -> Plan {
        let plan = if self.quick {
            Plan::quick()
        } else {
            Plan::full()
        };
        match self.rounds {
            Some(rounds) => plan.rounds(rounds.into()),
            None => plan,
        }
    }

    /// The rows to measure, in order.
    pub fn rows(&self) -> Vec<Row> {
        let wanted = |row: &Row| self.rows.is_empty() || self.rows.contains(row);
        Row::ALL.into_iter().filter(wanted).collect()
    }

    /// Where the results go, if anywhere.
    pub fn folder(&self) -> Option<PathBuf> {
        let full = !self.quick && self.rounds.is_none() && self.rows().len() == Row::ALL.len();
        let here = || PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        self.out.clone().or_else(|| (full || self.write).then(here))
    }
}
