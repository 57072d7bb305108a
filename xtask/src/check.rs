//! `cargo xtask check`: everything that must hold before a change lands; CI runs it.

use std::process::Command;
use std::time::Instant;

use crate::build::{Build, root};

/// Runs everything that must hold: what CI runs, after installing nginx
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only steps whose name contains this; may be repeated
    #[arg(long)]
    only: Vec<String>,
    /// Only list the steps
    #[arg(long)]
    list: bool,
}

/// One step: a name, and what to run.
struct Step {
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
    conditions: &'static [&'static str],
}

const fn step(
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
) -> Step {
    Step {
        name,
        program,
        arguments,
        environment: &[],
        conditions: &[],
    }
}

impl Step {
    const fn with(mut self, environment: &'static [(&'static str, &'static str)]) -> Self {
        self.environment = environment;
        self
    }

    const fn when(mut self, conditions: &'static [&'static str]) -> Self {
        self.conditions = conditions;
        self
    }
}

#[rustfmt::skip] // a table
const STEPS: &[Step] = &[
    step("formatting", "cargo", &["fmt", "--all", "--check"]),
    step("the engine is pure", "bash", &[".ci/purity"]),
    step("clippy", "cargo", &["clippy", "--locked", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]),
    step("documentation", "cargo", &["doc", "--locked", "--workspace", "--no-deps"]).with(&[("RUSTDOCFLAGS", "-D warnings")]),
    step("tests", "cargo", &["test", "--locked", "--workspace"]),
    step("example line_protocol", "cargo", &["run", "--locked", "--quiet", "-p", "keepalive", "--example", "line_protocol"]),
    step("example mailbox", "cargo", &["run", "--locked", "--quiet", "-p", "keepalive", "--example", "mailbox"]),
    step("example shared", "cargo", &["run", "--locked", "--quiet", "-p", "keepalive", "--example", "shared"]),
    step("demo", "cargo", &["run", "--locked", "--release", "-p", "keepalive-cli", "--", "demo"]),
    step("engine: 100,000,000 random steps", "cargo", &["xtask", "sim", "--total", "100000000"]),
    step("engine: all states of small worlds", "cargo", &["test", "--locked", "--release", "-p", "keepalive-engine", "--test", "explore", "--", "--nocapture"])
        .with(&[("KEEPALIVE_EXPLORE", "full")]),
    step("engine: 200,000 cases beside the model", "cargo", &["test", "--locked", "--release", "-p", "keepalive-engine", "--test", "model", "--", "--nocapture"])
        .with(&[("KEEPALIVE_MODEL_CASES", "200000")]),
    step("driver: 2,000 seeds", "cargo", &["test", "--locked", "--release", "-p", "keepalive", "--test", "simulation", "--", "--nocapture"])
        .with(&[("KEEPALIVE_DRIVER_SEEDS", "2000")]),
    step("driver: what threads share", "cargo", &["test", "--locked", "--release", "-p", "keepalive", "--lib", "models", "--", "--nocapture"])
        .when(&["keepalive_planted", "keepalive_loom"]),
    step("planted bugs", "cargo", &["xtask", "planted"]),
    step("licences, bans and sources", "bash", &[".ci/deny"]),
];

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let wanted = |step: &&Step| {
        let only = &arguments.only;
        only.is_empty() || only.iter().any(|part| step.name.contains(part.as_str()))
    };
    let start = Instant::now();
    let mut times = Vec::new();
    for step in STEPS.iter().filter(wanted) {
        if arguments.list {
            println!("{}", step.name);
            continue;
        }
        println!("\n== {} (after {} s)", step.name, start.elapsed().as_secs());
        let begun = Instant::now();
        step.run()?;
        times.push((step.name, begun.elapsed().as_secs_f64()));
    }
    if !arguments.list {
        println!("\n{:>8}  step", "seconds");
        for (name, seconds) in times {
            println!("{seconds:>8.1}  {name}");
        }
        println!("{:>8.1}  in all", start.elapsed().as_secs_f64());
    }
    Ok(())
}

impl Step {
    fn run(&self) -> Result<(), String> {
        let mut command = Command::new(self.program);
        command.current_dir(root()).args(self.arguments);
        command.envs(self.environment.iter().copied());
        Build::conditions(&mut command, self.conditions);
        let status = command
            .status()
            .map_err(|error| format!("{}: {error}", self.program))?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("{}: {status}; {}", self.name, self.again())),
        }
    }

    /// How to run the step by itself.
    fn again(&self) -> String {
        format!("again: cargo xtask check --only {:?}", self.name)
    }
}
