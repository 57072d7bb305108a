//! `cargo xtask mutants`: changes the engine in every small way, and sees whether a test notices.

use std::path::Path;
use std::process::Command;

use crate::build::{root, target_folder};

const VERSION: &str = "27.1.0";

/// Runs cargo-mutants on the engine, configured by .cargo/mutants.toml
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only mutants whose name matches this regular expression
    #[arg(long)]
    only: Option<String>,
    /// Mutants tried at once
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let tools = target_folder().join("tools");
    let binary = tools.join("bin/cargo-mutants");
    if !binary.exists() {
        install(&tools)?;
    }
    let mut command = Command::new(binary);
    command
        .current_dir(root())
        .args(["mutants", "--package", "keepalive-engine"])
        .args(["--jobs", &arguments.jobs.to_string()])
        .arg("--output")
        .arg(target_folder())
        // Enough chance to notice, little enough to be quick: 700 times over.
        .env("KEEPALIVE_SEEDS", "15")
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    if let Some(only) = &arguments.only {
        command.args(["--re", only]);
    }
    // The model and the explorer take longer, and every mutant would pay for that.
    command.args(["--", "--lib", "--test", "rules", "--test", "simulation"]);
    let status = command.status().map_err(|error| error.to_string())?;
    // It tells by its exit code that some survived: which, and whether they may, is for people.
    match status.code() {
        Some(0 | 2 | 3) => Ok(()),
        _ => Err(format!("cargo-mutants: {status}")),
    }
}

fn install(tools: &Path) -> Result<(), String> {
    let status = Command::new("cargo")
        .args(["install", "cargo-mutants", "--locked", "--version", VERSION])
        .arg("--root")
        .arg(tools)
        .status()
        .map_err(|error| error.to_string())?;
    match status.success() {
        true => Ok(()),
        false => Err("cargo-mutants can not be installed".to_owned()),
    }
}
