//! Child processes of the benchmark: for rows that need unused memory, and for servers whose time
//! is not the client's.

use std::env::current_exe;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Subcommand;

use crate::rows::waiters::{self, Ending};
use crate::servers::{self, http};

/// The task of a child.
#[derive(Debug, Subcommand)]
pub enum Child {
    /// Lets tasks wait for one slot, and prints what they cost
    #[command(hide = true)]
    Waiters {
        contender: String,
        #[arg(value_enum)]
        ending: Ending,
        count: u32,
    },
    /// Echoes messages
    #[command(hide = true)]
    Echo,
    /// Accepts connections
    #[command(hide = true)]
    Accept,
    /// Answers requests of HTTP/1.1
    #[command(hide = true)]
    Http1,
    /// Answers requests of HTTP/2
    #[command(hide = true)]
    Http2,
}

impl Child {
    /// Does it, in this process.
    ///
    /// # Errors
    ///
    /// When it can not be done.
    pub fn run(&self) -> Result<()> {
        match self {
            Self::Waiters {
                contender,
                ending,
                count,
            } => {
                let cost = waiters::cost(contender, *ending, *count)?;
                println!("{}", serde_json::to_string(&cost)?);
                Ok(())
            }
            Self::Echo => servers::echo(),
            Self::Accept => servers::accept(),
            Self::Http1 => http::one(),
            Self::Http2 => http::two(),
        }
    }
}

/// Runs a child to its end, and returns its output.
///
/// # Errors
///
/// When it fails.
pub fn answer(arguments: &[&str]) -> Result<String> {
    let output = Command::new(current_exe()?)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(
        output.status.success(),
        "{arguments:?} failed: {}",
        output.status
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// A server in a process of its own, which ends with this value.
pub struct Server {
    process: std::process::Child,
    port: u16,
}

impl Server {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// When it does not say its port.
    pub fn start(kind: &str) -> Result<Self> {
        let mut process = Command::new(current_exe()?)
            .arg(kind)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().context("its output is piped")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let port = line
            .trim()
            .parse()
            .context("the server did not say its port")?;
        Ok(Self { process, port })
    }

    /// Where it listens, on every loopback address.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends with its input anyway; waiting for it leaves nothing behind.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
