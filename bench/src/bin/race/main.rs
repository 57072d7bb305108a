//! Time to connect where a path or an answer is dead or slow, beside hyper-util and curl:
//! `cargo run --release --bin race`, as root, because it makes a network of its own. It fails if
//! `keepalive` is later than RFC 8305 allows.

mod contenders;
mod dns;
mod network;
mod report;
mod rows;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use indicatif::ProgressBar;

use crate::contenders::{Both, Contender};
use crate::report::Figures;
use crate::rows::{ROWS, Row};

/// Time to connect where a path or an answer is dead or slow
#[derive(Parser)]
struct Options {
    /// How often each contender is asked each question; the median counts
    #[arg(long, default_value_t = 7)]
    repeats: usize,
    /// Write the tables to docs/racing.md too
    #[arg(long)]
    write: bool,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    if !network::is_our_own() {
        return network::run_in_one();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let figures = runtime.block_on(async { tokio::spawn(race(options.repeats)).await? })?;
    println!("{}", figures.plain());
    if options.write {
        figures.write()?;
    }
    let late = figures.late();
    for line in &late {
        println!("LATE: {line}");
    }
    for line in figures.behind() {
        println!("BEHIND: {line}");
    }
    Ok(match late.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Asks all contenders of a row in turn, and all rows before any again.
async fn race(repeats: usize) -> Result<Figures> {
    let port = network::begin().await?;
    dns::serve().await?;
    let rows: Vec<Row> = ROWS.to_vec();
    let mut figures = Figures::new(&rows, repeats);
    let progress = ProgressBar::new((repeats * rows.len()) as u64);
    for _ in 0..repeats {
        for row in &rows {
            for contender in Contender::ALL {
                if contender.differs_in(row) {
                    let took: Both = contender
                        .connect(row, port)
                        .await
                        .with_context(|| format!("{}: {}", contender.name(), row.title))?;
                    figures.add(row, contender, took);
                }
            }
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    Ok(figures)
}
