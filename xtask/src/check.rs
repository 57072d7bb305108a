//! `cargo xtask check`: everything that must hold before a change lands; CI runs it.

use std::process::Command;
use std::time::Instant;

use crate::build::{Build, root, target_folder};
use crate::sim;

/// Runs every check that CI runs
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only steps whose name contains this; may be repeated
    #[arg(long)]
    only: Vec<String>,
    /// Only list the steps
    #[arg(long)]
    list: bool,
    /// Seed of random tests; without it, a number that changes with the time
    #[arg(long)]
    number: Option<u64>,
}

/// Stands for the number that changes from run to run.
const NUMBER: &str = "{number}";

/// One step: a name and a command.
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

/// A release build of the tests of one binary, run with its output shown.
const fn prove(
    name: &'static str,
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
) -> Step {
    step(name, "cargo", arguments).with(environment)
}

#[rustfmt::skip] // a table
const STEPS: &[Step] = &[
    step("formatting", "cargo", &["fmt", "--all", "--check"]),
    step("the engine is pure", "bash", &[".ci/purity"]),
    step("platforms are apart", "bash", &[".ci/platforms"]),
    step("rules are cited", "cargo", &["xtask", "rules"]),
    step("planted bugs apply", "cargo", &["xtask", "planted", "--check"]),
    step("clippy", "cargo", &["clippy", "--locked", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]),
    step("clippy without TLS", "cargo", &["clippy", "--locked", "-p", "keepalive", "--no-default-features", "--all-targets", "--", "-D", "warnings"]),
    step("documentation", "cargo", &["doc", "--locked", "--workspace", "--no-deps"]).with(&[("RUSTDOCFLAGS", "-D warnings")]),
    step("tests", "cargo", &["test", "--locked", "--workspace"]),
    step("tests: real DNS", "cargo", &["test", "--locked", "-p", "keepalive", "--features", "hickory-dns", "--test", "hickory", "--test", "hickory_faults"]),
    step("tests: cost in a crowd", "cargo", &["test", "--locked", "-p", "keepalive-benches", "--test", "cost"]),
    step("instructions", "cargo", &["xtask", "instructions", "--check"]),
    step("tests without TLS", "cargo", &["test", "--locked", "-p", "keepalive", "--no-default-features", "--test", "behaviour", "tls"]),
    step("tests: HTTP/1.1 by hyper alone", "cargo", &["test", "--locked", "-p", "keepalive-http", "--test", "behaviour", "--test", "torture", "--", "--skip", "http2", "--skip", "outages"])
        .with(&[("KEEPALIVE_HTTP1_BY_HYPER", "1")]),
    step("tests: in place of hyper-util", "cargo", &["test", "--locked", "-p", "keepalive-http", "--features", "legacy", "--lib", "--test", "legacy"]),
    step("example line_protocol", "cargo", &["run", "--locked", "--quiet", "-p", "keepalive", "--example", "line_protocol"]),
    step("example mailbox", "cargo", &["run", "--locked", "--quiet", "-p", "keepalive", "--example", "mailbox"]),
    step("example shared", "cargo", &["run", "--locked", "--quiet", "-p", "keepalive", "--example", "shared"]),
    step("example redis", "cargo", &["run", "--locked", "--quiet", "-p", "keepalive", "--example", "redis"]),
    step("example memcached", "cargo", &["run", "--locked", "--quiet", "-p", "keepalive", "--example", "memcached"]),
    step("example layers", "cargo", &["run", "--locked", "--quiet", "-p", "keepalive-http", "--example", "layers"]),
    step("example one_import", "cargo", &["run", "--locked", "--quiet", "-p", "keepalive-http", "--features", "legacy", "--example", "one_import"]),
    step("example reverse_proxy", "cargo", &["run", "--locked", "--quiet", "-p", "keepalive-http", "--example", "reverse_proxy"]),
    step("demo", "cargo", &["run", "--locked", "--release", "-p", "keepalive-cli", "--", "demo"]),
    step("benchmark builds", "cargo", &["check", "--locked", "--manifest-path", "bench/Cargo.toml"]),
    step("fuzz targets build", "cargo", &["check", "--locked", "--manifest-path", "fuzz/Cargo.toml"]),
    step("engine: random lives", "cargo", &["xtask", "sim", "--total", "100000000", "--seed", NUMBER]),
    prove("engine: all states of small worlds", &["test", "--locked", "--release", "-p", "keepalive-engine", "--test", "explore", "--", "--nocapture"],
        &[("KEEPALIVE_EXPLORE", "full")]),
    prove("engine: beside the model", &["test", "--locked", "--release", "-p", "keepalive-engine", "--test", "model", "--", "--nocapture"],
        &[("KEEPALIVE_MODEL_CASES", "200000")]),
    prove("engine: withdrawn without a trace", &["test", "--locked", "--release", "-p", "keepalive-engine", "--test", "cancel", "--", "--nocapture"],
        &[("KEEPALIVE_CANCEL_SEEDS", "200000")]),
    prove("driver: simulated", &["test", "--locked", "--release", "-p", "keepalive", "--test", "simulation", "--", "--nocapture"],
        &[("KEEPALIVE_DRIVER_SEEDS", "2000")]),
    prove("driver: dropped and failed everywhere", &["test", "--locked", "--release", "-p", "keepalive", "-p", "keepalive-http", "--test", "torture", "--", "--nocapture"], &[]),
    prove("driver: what threads share", &["test", "--locked", "--release", "-p", "keepalive", "--lib", "models", "--", "--nocapture"], &[])
        .when(&["keepalive_loom"]),
    prove("driver: schedules", &["test", "--locked", "--release", "-p", "keepalive", "--test", "schedules", "--", "--nocapture"],
        &[("KEEPALIVE_SCHEDULES", "8400")])
        .when(&["keepalive_shuttle"]),
    prove("http: the codec beside hyper", &["test", "--locked", "--release", "-p", "keepalive-http", "--lib", "beside_hyper", "--", "--nocapture"],
        &[("KEEPALIVE_CODEC_CASES", "3000000"), ("KEEPALIVE_CODEC_SEED", NUMBER)]),
    prove("sockets: peers that fail", &["test", "--locked", "--release", "-p", "keepalive", "-p", "keepalive-http", "--test", "chaos", "--test", "chaos_tls", "--", "--nocapture"],
        &[("KEEPALIVE_CHAOS", "full")]),
    step("planted bugs", "cargo", &["xtask", "planted"]),
    step("licences, bans and sources", "bash", &[".ci/deny"]),
];

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let wanted = |step: &&Step| {
        let only = &arguments.only;
        only.is_empty() || only.iter().any(|part| step.name.contains(part.as_str()))
    };
    if !STEPS.iter().any(|step| wanted(&step)) {
        return Err(format!(
            "no step has {:?} in its name; see --list",
            arguments.only
        ));
    }
    let number = arguments.number.unwrap_or_else(sim::changing_seed);
    if !arguments.list {
        println!("chance is drawn from {number}; again: cargo xtask check --number {number}");
    }
    let start = Instant::now();
    let mut times = Vec::new();
    for step in STEPS.iter().filter(wanted) {
        if arguments.list {
            println!("{}", step.name);
            continue;
        }
        println!("\n== {} (after {} s)", step.name, start.elapsed().as_secs());
        let begun = Instant::now();
        step.run(&number.to_string())?;
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
    fn run(&self, number: &str) -> Result<(), String> {
        let fill = |text: &str| text.replace(NUMBER, number);
        let mut command = Command::new(self.program);
        command
            .current_dir(root())
            // Also for the workspaces beside this one, which share most of their dependencies.
            .env("CARGO_TARGET_DIR", target_folder())
            .args(self.arguments.iter().map(|text| fill(text)))
            .envs(
                self.environment
                    .iter()
                    .map(|&(name, text)| (name, fill(text))),
            );
        Build::conditions(&mut command, self.conditions)?;
        let status = command
            .status()
            .map_err(|error| format!("{}: {error}", self.program))?;
        match status.success() {
            true => Ok(()),
            false => Err(format!(
                "{}: {status}; again: cargo xtask check --number {number} --only {:?}",
                self.name, self.name
            )),
        }
    }
}
