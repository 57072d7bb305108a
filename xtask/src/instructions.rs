//! `cargo xtask instructions`: the cost of a hot path in instructions, which repeats exactly.

use std::process::Command;

use crate::build::{root, target_folder};

/// Counts the instructions of a request that finds an idle connection, or waits for one
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only this row; may be repeated
    #[arg(long)]
    row: Vec<String>,
}

const ROWS: [(&str, &str); 3] = [
    ("a", "one task, one host"),
    ("c", "64 tasks on 4 connections"),
    ("d", "10,000 hosts in turn"),
];

/// Two runs of different length: their difference is the cost of the cycles alone.
const SHORT: u64 = 20_000;
const LONG: u64 = 40_000;

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let wanted =
        |name: &str| arguments.row.is_empty() || arguments.row.iter().any(|row| row == name);
    if let Some(unknown) = arguments
        .row
        .iter()
        .find(|row| ROWS.iter().all(|(name, _)| name != row))
    {
        return Err(format!("there is no row {unknown}; there are a, c and d"));
    }
    build()?;
    println!("{:<4} {:<28} {:>12}", "row", "", "instructions");
    for (name, text) in ROWS.iter().filter(|(name, _)| wanted(name)) {
        let cycles = count(name, LONG)?.saturating_sub(count(name, SHORT)?);
        println!("{name:<4} {text:<28} {:>12}", cycles / (LONG - SHORT));
    }
    Ok(())
}

fn build() -> Result<(), String> {
    let status = Command::new("cargo")
        .current_dir(root())
        .args([
            "build",
            "--locked",
            "--release",
            "--package",
            "keepalive-benches",
        ])
        .status()
        .map_err(|error| error.to_string())?;
    match status.success() {
        true => Ok(()),
        false => Err("keepalive-benches does not build".to_owned()),
    }
}

fn count(row: &str, times: u64) -> Result<u64, String> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(target_folder().join("release/cycle"))
        .args([row, &times.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}; it is Debian's package valgrind"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said
        .lines()
        .find_map(|line| line.split("Collected :").nth(1));
    let number = collected.and_then(|text| text.trim().parse().ok());
    number.ok_or_else(|| format!("valgrind said no number:\n{said}"))
}
