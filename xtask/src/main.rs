//! The developer commands of keepalive: `cargo xtask --help`.

#![allow(clippy::print_stdout, clippy::print_stderr)] // it speaks to people

mod build;
mod check;
mod instructions;
mod mutants;
mod planted;
mod rules;
mod sim;
mod soak;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Proves keepalive: see docs/reliability.md"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Arguments),
    Instructions(instructions::Arguments),
    Sim(sim::Arguments),
    Planted(planted::Arguments),
    Mutants(mutants::Arguments),
    Rules(rules::Arguments),
    Soak(soak::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Instructions(arguments) => instructions::run(&arguments),
        Command::Mutants(arguments) => mutants::run(&arguments),
        Command::Rules(arguments) => rules::run(&arguments),
        Command::Sim(arguments) => sim::run(&arguments),
        Command::Planted(arguments) => planted::run(&arguments),
        Command::Soak(arguments) => soak::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
