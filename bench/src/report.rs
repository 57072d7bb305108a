//! A run, and how it is written down.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::chart;
use crate::machine::Machine;
use crate::rows::Row;
use crate::table::{Better, Line, Table};
use crate::targets;

/// The results of a run.
#[derive(Serialize)]
pub struct Report {
    pub machine: Machine,
    pub quick: bool,
    pub rows: Vec<(Row, Vec<Table>)>,
}

impl Report {
    /// The tables of all rows.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.rows.iter().flat_map(|(_, tables)| tables)
    }

    /// Writes RESULTS.md and the charts into `folder`.
    ///
    /// # Errors
    ///
    /// When a file can not be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let charts = folder.join("charts");
        fs::create_dir_all(&charts)?;
        for (row, tables) in &self.rows {
            let title = format!("Row {row}");
            fs::write(
                charts.join(format!("{row}.svg")),
                chart::svg(&title, tables),
            )?;
        }
        fs::write(folder.join("RESULTS.md"), self.markdown())?;
        Ok(())
    }

    fn markdown(&self) -> String {
        let mut text = String::from("# Results\n\n");
        if self.quick {
            text.push_str("A quick run: few rounds, small crowds.\n\n");
        }
        text.push_str(INTRODUCTION);
        text.push_str("\n| | |\n|---|---|\n");
        for (what, which) in &self.machine.facts {
            let _ = writeln!(text, "| {what} | {which} |");
        }
        let outcomes = targets::compare(self);
        let _ = write!(text, "\n## Targets\n\n{}\n", targets::markdown(&outcomes));
        for (row, tables) in &self.rows {
            let _ = write!(text, "## Row {row}\n\n{}\n\n", row.about());
            let _ = writeln!(text, "![Row {row}](charts/{row}.svg)\n");
            for table in tables {
                let _ = writeln!(text, "{}", markdown(table));
            }
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }
}

const INTRODUCTION: &str = "\
Written by `cargo run --release` in this folder; [README.md](README.md) says how it is measured.

All contenders of a row are asked in turn, once a round. A ratio is the median over rounds of the
contender's figure divided by the other's of the same round, so that what else the machine did meets
both. \"The best peer\" is the one with the best median. Where less is better, a ratio below 1 is
good; where more is better, one above 1.
";

/// A table in Markdown.
pub fn markdown(table: &Table) -> String {
    let peer = table.best_peer();
    let mut text = format!("**{}**, {}\n\n", table.title, table.unit);
    let extreme = match table.better {
        Better::Lower => "minimum",
        Better::Higher => "maximum",
    };
    let mut heads = vec![String::new(), extreme.to_owned(), "median".to_owned()];
    heads.extend(
        table
            .reference
            .as_ref()
            .map(|name| format!("ratio to {name}")),
    );
    heads.extend(peer.map(|peer| format!("ratio to the best peer, {}", peer.name)));
    let _ = writeln!(text, "| {} |", heads.join(" | "));
    let _ = writeln!(text, "|---|{}", "---:|".repeat(heads.len() - 1));
    for line in &table.lines {
        let extreme = match table.better {
            Better::Lower => line.minimum(),
            Better::Higher => line.maximum(),
        };
        let mut cells = vec![line.name.clone(), number(extreme), number(line.median())];
        cells.extend(table.reference().map(|other| ratio(line, other)));
        cells.extend(peer.map(|other| ratio(line, other)));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    for note in &table.notes {
        let _ = write!(text, "\n{note}.\n");
    }
    text
}

fn ratio(line: &Line, other: &Line) -> String {
    format!("{:.2}", line.ratio_to(other))
}

/// A figure with as many digits as mean something.
pub fn number(value: f64) -> String {
    if value.abs() < 10.0 {
        format!("{value:.1}")
    } else {
        grouped(value.round() as i64)
    }
}

/// A whole number with its thousands apart.
pub fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::from(if value < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
