//! The measured builds and the machine, without names of hosts or users.

use std::fs::read_to_string;
use std::process::Command;
use std::thread::available_parallelism;

use serde::Serialize;

/// The machine and the builds, in pairs of name and value.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    pub facts: Vec<(String, String)>,
}

impl Machine {
    /// Describes this machine.
    pub fn here() -> Self {
        let mut facts = Vec::new();
        let mut fact = |what: &str, which: Option<String>| {
            let which = which.filter(|which| !which.is_empty());
            facts.push((
                what.to_owned(),
                which.unwrap_or_else(|| "unknown".to_owned()),
            ));
        };
        fact(
            "date",
            Some(jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()),
        );
        fact("keepalive", commit());
        fact("processor", processor());
        fact(
            "cores",
            available_parallelism().ok().map(|cores| cores.to_string()),
        );
        fact("load before the run", load());
        fact("kernel", kernel());
        fact("compiler", output("rustc", &["--version"]));
        for name in ["bb8", "deadpool", "hyper-util", "pingora-pool", "tokio"] {
            fact(name, version(name));
        }
        Self { facts }
    }
}

fn commit() -> Option<String> {
    let commit = output("git", &["rev-parse", "--short", "HEAD"])?;
    let changed = output("git", &["status", "--porcelain", "--", "../crates"])?;
    let suffix = if changed.is_empty() {
        ""
    } else {
        ", with changes"
    };
    Some(format!("commit {commit}{suffix}"))
}

fn processor() -> Option<String> {
    let text = read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Its version, without what its builder appended.
fn kernel() -> Option<String> {
    let release = first_line("/proc/sys/kernel/osrelease")?;
    let version = release.split(|c: char| !c.is_ascii_digit() && c != '.');
    Some(version.into_iter().next()?.to_owned())
}

/// Processes that ran or wanted to, over the last minute.
fn load() -> Option<String> {
    let text = first_line("/proc/loadavg")?;
    Some(text.split(' ').next()?.to_owned())
}

/// The version that this was built with.
fn version(name: &str) -> Option<String> {
    let lock = include_str!("../Cargo.lock");
    let (_, package) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(package.split('"').next()?.to_owned())
}

fn first_line(path: &str) -> Option<String> {
    Some(read_to_string(path).ok()?.lines().next()?.to_owned())
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let here = env!("CARGO_MANIFEST_DIR");
    let output = Command::new(program)
        .args(arguments)
        .current_dir(here)
        .output()
        .ok()?;
    let text = output.status.success().then_some(output.stdout)?;
    Some(String::from_utf8(text).ok()?.trim().to_owned())
}
