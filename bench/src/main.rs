//! Runs the benchmark: `cargo run --release -- --help`.

use std::fs;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Parser;
use keepalive_bench::machine::Machine;
use keepalive_bench::options::Options;
use keepalive_bench::progress::Progress;
use keepalive_bench::report::{self, Report};
use keepalive_bench::targets;

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    ensure!(
        !cfg!(debug_assertions),
        "without --release, the figures would mean nothing"
    );
    if let Some(child) = &options.child {
        child.run()?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = measure(&options)?;
    let mut met = true;
    if options.check {
        let outcomes = targets::compare(&report);
        println!("**Targets**\n\n{}", targets::markdown(&outcomes));
        met = outcomes.iter().all(targets::Outcome::met);
    }
    if let Some(file) = &options.json {
        fs::write(file, serde_json::to_string(&report)?)?;
    }
    if let Some(folder) = options.folder() {
        report.write(&folder)?;
    }
    Ok(if met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn measure(options: &Options) -> Result<Report> {
    let (plan, rows) = (options.plan(), options.rows());
    let mut progress = Progress::new(rows.len());
    let mut measured = Report {
        machine: Machine::here(),
        quick: options.quick,
        rows: Vec::new(),
    };
    for row in rows {
        progress.begin(row);
        let tables = row.measure(&plan, &progress)?;
        progress.end();
        progress.suspend(|| {
            println!("## Row {row}\n");
            tables
                .iter()
                .for_each(|table| println!("{}", report::markdown(table)));
        });
        measured.rows.push((row, tables));
    }
    progress.finish();
    Ok(measured)
}
