//! The command-line tool on top of [`keepalive`] and `keepalive-http`.
//!
//! Flags are parsed in `args`, checked into what runs in `options`; `run` fetches what `input`
//! reads, one `fetch` at a time, each of which is one `exchange` for what `message` says and leaves
//! a `trail`. Bodies go to `output`, results to `report`, `progress` and `summary`.
//! `probe` opens one connection and shows the way. How hosts are reached, `network` and `tls` make
//! of the flags that both have.

mod args;
mod backlog;
mod causes;
mod coding;
mod console;
mod demo;
mod descriptors;
mod duration;
mod exchange;
mod exit;
mod failure;
mod fetch;
mod fetch_command;
mod form;
mod heads;
mod host_limits;
mod input;
mod interrupt;
mod jar;
mod limits;
mod line;
mod message;
mod network;
mod number;
mod options;
mod output;
mod pace;
mod payload;
mod probe;
mod progress;
mod redirect;
mod report;
mod retry;
mod run;
mod size;
mod statuses;
mod summary;
mod table;
mod target;
mod tls;
mod trail;
mod waits;

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

/// Prints help, the version, or what is wrong with the command line.
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
            Command::Fetch(flags) => fetch_command::run(*flags).await,
            Command::Probe(flags) => probe::run(*flags).await,
            Command::Demo(flags) => demo::run(flags).await,
        }
    });
    // A name that is still being resolved blocks a thread that nobody waits for any more.
    runtime.shutdown_background();
    Ok(exit)
}
