//! `keepalive fetch`.

use std::io;

use crate::args::FetchFlags;
use crate::console::{self, Palette, Stream};
use crate::exit::Exit;
use crate::input::Input;
use crate::interrupt::Interrupt;
use crate::options::Options;
use crate::progress::Progress;
use crate::report::Report;
use crate::run::{Outcome, Run, Stop};
use crate::table::grouped;

/// Fetches what the flags say, and prints the summary.
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
    match console::print(stream, &text(&outcome, stream.palette())) {
        Ok(()) => exit,
        // There is nobody left to tell if standard error is closed.
        Err(_) if stream == Stream::Error => exit,
        Err(error) => match (exit, console::cannot_print(&error)) {
            (Exit::Success, failed) => failed,
            (exit, _) => exit,
        },
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

/// Says what went wrong with the report, and how the program ends.
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

/// The table, and under it what the table does not say.
pub(crate) fn text(outcome: &Outcome, palette: Palette) -> String {
    let mut text = outcome.summary.table(palette);
    text.push_str(&outcome.summary.footer(outcome.took));
    text.push('\n');
    text.push_str(&outcome.summary.details(palette));
    if outcome.bad > 0 {
        let bad = grouped(outcome.bad);
        text.push_str(&format!(
            "lines or files of the input that could not be used: {bad}\n"
        ));
    }
    if outcome.stopped.is_some() {
        let abandoned = grouped(outcome.abandoned as u64);
        text.push_str(&format!(
            "stopped early; fetches given up and not counted: {abandoned}\n"
        ));
    }
    text
}
