//! The command-line tool on top of [`keepalive`] and `keepalive-http`.
//!
//! Each command has a folder: `fetch`, `probe`, `demo`. `args` defines the command line. All
//! commands share the rest:
//!
//! - `network` and `tls` turn flags into the connector,
//! - `duration`, `number` and `size` parse the values of flags,
//! - `console`, `table` and `timing` format and print,
//! - `failure`, `interrupt` and `exit` end a command,
//! - `platform` has the parts that differ from system to system.

mod args;
mod console;
mod demo;
mod duration;
mod exit;
mod failure;
mod fetch;
mod interrupt;
mod network;
mod number;
mod platform;
mod probe;
mod size;
mod table;
mod timing;
mod tls;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::exit::Exit;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(refusal) => return print(&refusal).into(),
    };
    match within_runtime(args.command) {
        Ok(exit) => exit.into(),
        Err(error) => {
            console::complain(format_args!("can not start the tokio runtime: {error}"));
            Exit::Failed.into()
        }
    }
}

/// Prints the help, the version or the fault of the command line.
fn print(refusal: &clap::Error) -> Exit {
    let printed = refusal.print();
    match (refusal.use_stderr(), printed) {
        (true, _) => Exit::Usage,
        (false, Ok(())) => Exit::Success,
        (false, Err(error)) => console::cannot_print(&error),
    }
}

fn within_runtime(command: Command) -> std::io::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let exit = runtime.block_on(async {
        match command {
            Command::Fetch(flags) => fetch::run(*flags).await,
            Command::Probe(flags) => probe::run(*flags).await,
            Command::Demo(flags) => demo::run(flags).await,
        }
    });
    // A lookup of the system's resolver can not be cancelled: its thread is left behind.
    runtime.shutdown_background();
    Ok(exit)
}
