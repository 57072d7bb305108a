//! The rows: what is asked of whom.

use std::fmt;

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

use crate::plan::Plan;
use crate::progress::Progress;
use crate::table::Table;

mod cycles;
mod hot;

/// A row, as it is named on the command line and in the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Row {
    /// get + return, one task, one host
    A,
    /// get + return, 64 tasks on 2 workers, one host, nobody waits
    B,
    /// get + return, 64 tasks on 4 connections
    C,
    /// get + return, 10,000 hosts at random
    D,
}

impl Row {
    pub const ALL: [Self; 4] = [Self::A, Self::B, Self::C, Self::D];

    /// Measures the row.
    ///
    /// # Errors
    ///
    /// When a contender did not do what the row asks for, or the machine does not let it.
    pub fn measure(self, plan: &Plan, progress: &Progress) -> Result<Vec<Table>> {
        match self {
            Self::A => cycles::one_task(plan.hot, progress),
            Self::B => cycles::crowded(plan.hot, progress),
            Self::C => cycles::contended(plan.hot, progress),
            Self::D => cycles::many_hosts(plan.hot, progress),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().expect("none is hidden").get_name())
    }
}
