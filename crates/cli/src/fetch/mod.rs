//! `keepalive fetch`: fetches many URLs through one manager, and prints a summary.
//!
//! 1. `options` checks the flags. It builds the manager and opens all files.
//! 2. `input` reads URLs, `backlog` orders them by host, and `run` starts a task for each.
//! 3. `fetcher` fetches one URL within its time: `exchange` sends the `message` and follows
//!    redirects, `coding` unpacks the body, and `output` stores it.
//! 4. `report` writes each result as a line of JSON, `progress` draws the bar, and `summary`
//!    counts.

mod backlog;
mod coding;
mod descriptors;
pub(crate) mod exchange;
pub(crate) mod fetcher;
mod host_limits;
pub(crate) mod input;
pub(crate) mod message;
pub(crate) mod options;
mod output;
pub(crate) mod pace;
mod progress;
mod report;
mod retry;
pub(crate) mod run;
mod summary;
pub(crate) mod target;

use indicatif::HumanCount;
use keepalive::{Manager, NetConnector};
use keepalive_http::Http;

use crate::args::FetchFlags;
use crate::console::{self, Stream};
use crate::exit::Exit;
use crate::fetch::run::{Outcome, Stop};
use crate::interrupt::Interrupt;

/// The manager of a run.
pub(crate) type HttpManager = Manager<Http<NetConnector>>;

/// Fetches all URLs, and prints the summary.
pub(crate) async fn run(flags: FetchFlags) -> Exit {
    let (run, summary) = match options::check(&flags) {
        Ok(checked) => checked,
        Err(refusal) => {
            console::complain(refusal);
            return Exit::Usage;
        }
    };
    let outcome = run.finish(&mut Interrupt::listen()).await;
    let exit = conclude(&outcome);
    let Some(stream) = summary else {
        return exit;
    };
    let printed = console::print(stream, &text(&outcome));
    match stream {
        Stream::Output => console::exit_after(printed, exit),
        // A closed standard error leaves no way to report its own failure.
        Stream::Error => exit,
    }
}

/// Reports an error of the results' file, and returns the exit.
pub(crate) fn conclude(outcome: &Outcome) -> Exit {
    if let Some(error) = &outcome.report_error {
        console::complain(error);
    }
    if let Some(Stop::Signal(signal)) = outcome.stopped {
        Exit::Signal(signal)
    } else if outcome.report_error.is_some() || outcome.bad > 0 || outcome.summary.total.failed > 0
    {
        Exit::Failed
    } else {
        Exit::Success
    }
}

/// Formats the summary: the table, and the lines below it.
pub(crate) fn text(outcome: &Outcome) -> String {
    let mut text = outcome.summary.table();
    text.push_str(&outcome.summary.footer(outcome.took));
    text.push('\n');
    text.push_str(&outcome.summary.details());
    if outcome.bad > 0 {
        let bad = HumanCount(outcome.bad);
        text.push_str(&format!(
            "lines or files of the input that could not be used: {bad}\n"
        ));
    }
    if outcome.stopped.is_some() {
        let abandoned = HumanCount(outcome.abandoned as u64);
        text.push_str(&format!(
            "stopped early; fetches given up and not counted: {abandoned}\n"
        ));
    }
    text
}
