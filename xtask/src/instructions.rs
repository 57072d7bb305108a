//! `cargo xtask instructions`: the cost of a hot path in instructions, which repeats exactly.
//!
//! `benches/instructions.txt` keeps the counts. CI compares with them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::build::{root, target_folder};

/// Counts the instructions of a request that finds an idle connection, or waits for one
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only this row; may be repeated
    #[arg(long)]
    row: Vec<String>,
    /// Fail if a count is more than 3 % above the one in benches/instructions.txt
    #[arg(long)]
    check: bool,
    /// Write the counts to benches/instructions.txt
    #[arg(long, conflicts_with_all = ["check", "row"])]
    record: bool,
}

/// A row, its name in words, and its number of cycles.
///
/// The records of 10,000 hosts lie at random places, so the cost of making them varies. It takes many
/// cycles to hide that.
const ROWS: [(&str, &str, u64); 5] = [
    ("a", "one task, one host", 40_000),
    ("c", "64 tasks on 4 connections", 40_000),
    ("d", "10,000 hosts in turn", 500_000),
    ("i", "an exchange of HTTP/1.1", 10_000),
    ("bare", "the same by hyper alone", 10_000),
];

/// A count may be this much above the kept one, in percent.
const TOLERANCE: u64 = 3;

/// The cycles before those that are counted: two runs differ by the latter alone.
const WARM: u64 = 20_000;

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let wanted =
        |name: &str| arguments.row.is_empty() || arguments.row.iter().any(|row| row == name);
    if let Some(unknown) = arguments
        .row
        .iter()
        .find(|row| ROWS.iter().all(|(name, ..)| name != row))
    {
        return Err(format!(
            "there is no row {unknown}; there are a, c, d, i and bare"
        ));
    }
    build()?;
    let kept = match arguments.record {
        true => BTreeMap::new(),
        false => kept()?,
    };
    let mut counts = String::new();
    let mut above = Vec::new();
    println!(
        "{:<5} {:<28} {:>12} {:>12}",
        "row", "", "instructions", "kept"
    );
    for (name, text, cycles) in ROWS.iter().filter(|(name, ..)| wanted(name)) {
        let (warm, all) = (count(name, WARM)?, count(name, WARM + cycles)?);
        let count = all.saturating_sub(warm) / cycles;
        counts += &format!("{name} {count}\n");
        let before = kept.get(*name).copied();
        let shown = before.map_or("-".to_owned(), |before| before.to_string());
        println!("{name:<5} {text:<28} {count:>12} {shown:>12}");
        if before.is_none_or(|before| count * 100 > before * (100 + TOLERANCE)) {
            above.push(*name);
        }
    }
    if arguments.record {
        let table = format!("{HEAD}{counts}");
        return fs::write(file(), table).map_err(|error| format!("{}: {error}", file().display()));
    }
    match arguments.check && !above.is_empty() {
        true => Err(format!(
            "more than {TOLERANCE} % above benches/instructions.txt: {}; if there is a reason, keep \
             the new counts by `cargo xtask instructions --record`",
            above.join(", ")
        )),
        false => Ok(()),
    }
}

const HEAD: &str =
    "# Instructions per cycle of each row, written by `cargo xtask instructions --record`.\n";

fn file() -> PathBuf {
    root().join("benches/instructions.txt")
}

/// The kept counts by row.
fn kept() -> Result<BTreeMap<String, u64>, String> {
    let text =
        fs::read_to_string(file()).map_err(|error| format!("{}: {error}", file().display()))?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let rows = lines.map(|line| {
        let (row, count) = line.split_once(' ')?;
        Some((row.to_owned(), count.parse().ok()?))
    });
    rows.collect::<Option<_>>()
        .ok_or_else(|| format!("{}: a line is no row and count", file().display()))
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
        // Otherwise the C library copies memory in a way that depends on the processor.
        .env(
            "GLIBC_TUNABLES",
            "glibc.cpu.hwcaps=-AVX_Fast_Unaligned_Load,-ERMS",
        )
        .output()
        .map_err(|error| format!("valgrind: {error}; it is Debian's package valgrind"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said
        .lines()
        .find_map(|line| line.split("Collected :").nth(1));
    let number = collected.and_then(|text| text.trim().parse().ok());
    number.ok_or_else(|| format!("valgrind said no number:\n{said}"))
}
