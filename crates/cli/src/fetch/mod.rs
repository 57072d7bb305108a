//! `keepalive fetch`: fetches many URLs through one manager, and prints a summary.
//!
//! 1. `options` checks the flags. It builds the manager within `limits` and opens all files.
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
pub(crate) mod host_limits;
pub(crate) mod input;
pub(crate) mod limits;
pub(crate) mod message;
mod options;
mod output;
pub(crate) mod pace;
pub(crate) mod progress;
mod report;
mod retry;
pub(crate) mod run;
mod summary;
pub(crate) mod target;

use std::io;

use indicatif::HumanCount;

use crate::args::FetchFlags;
use crate::console::{self, Stream};
use crate::exit::Exit;
use crate::fetch::input::Input;
use crate::fetch::options::Options;
use crate::fetch::progress::Progress;
use crate::fetch::report::Report;
use crate::fetch::run::{Outcome, Run, Stop};
use crate::interrupt::Interrupt;

/// Fetches all URLs, and prints the summary.
pub(crate) async fn run(flags: FetchFlags) -> Exit {
    let options = match Options::check(&flags) {
        Ok(options) => options,
        Err(refusal) => {
            console::complain(refusal);
            return Exit::Usage;
        }
    };
    let summary = options.summary;
    let mut interrupt = Interrupt::listen();
    let run = match start(options) {
        Ok(run) => run,
        Err(error) => {
            console::complain(format_args!("can not start a thread: {error}"));
            return Exit::Failed;
        }
    };
    let outcome = run.finish(&mut interrupt).await;
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

fn start(options: Options) -> io::Result<Run> {
    Ok(Run {
        manager: options.manager,
        fetcher: options.fetcher,
        input: Input::start(options.sources)?,
        repeat: options.repeat,
        jobs: options.jobs,
        report: options.report.map(Report::start).transpose()?,
        progress: Progress::start(options.progress),
    })
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
