//! wrk, where it is installed.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::CLIENT_CORE;
use crate::contenders::Role;
use crate::table::Line;

/// How often it is asked. It runs for whole seconds, and steadily.
const ROUNDS: usize = 3;

/// A program that sends requests as fast as it can.
pub(super) struct Wrk;

impl Wrk {
    /// It, if it is here.
    pub(super) fn find() -> Option<Self> {
        // It answers that with exit code 1.
        Command::new("wrk").arg("--version").output().ok()?;
        Some(Self)
    }

    /// Requests per second over as many connections, on the client's core.
    pub(super) fn measure(&self, server: SocketAddr, connections: u32) -> Result<Line> {
        let samples: Result<_> = (0..ROUNDS).map(|_| run(server, connections)).collect();
        Ok(Line {
            name: "wrk".to_owned(),
            role: Role::Yardstick,
            samples: samples?,
        })
    }
}

fn run(server: SocketAddr, connections: u32) -> Result<f64> {
    let output = Command::new("taskset")
        .args(["--cpu-list", &CLIENT_CORE.to_string(), "wrk", "-t1", "-d1s"])
        .arg(format!("-c{connections}"))
        .arg(format!("http://{server}/"))
        .output()
        .context("taskset")?;
    ensure!(output.status.success(), "wrk: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let rate = text
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"))
        .context("wrk prints a rate")?;
    Ok(rate.trim().parse()?)
}
