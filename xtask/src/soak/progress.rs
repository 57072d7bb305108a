//! The progress of a run: a bar on a terminal, and otherwise a line now and then.
#![allow(
    clippy::print_stderr,
    reason = "progress goes where the figures do not"
)]

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use keepalive_testkit::net::census::Census;
use keepalive_testkit::net::load::Figures;

pub(super) enum Progress {
    Silent,
    Bar(ProgressBar),
    /// When the last line was written.
    Lines(Mutex<Duration>),
}

const BETWEEN_LINES: Duration = Duration::from_secs(10);

impl Progress {
    pub(super) fn silent() -> Self {
        Self::Silent
    }

    pub(super) fn of(time: Duration) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines(Mutex::default());
        }
        let style = ProgressStyle::with_template("{elapsed_precise} {bar:30} {msg}");
        let bar = ProgressBar::new(time.as_millis() as u64);
        Self::Bar(bar.with_style(style.expect("a template that can work")))
    }

    pub(super) fn tell(&self, elapsed: Duration, figures: &Figures, census: &Census) {
        let text = || {
            format!(
                "{} asked, {} answered, {} withdrawn, {} failed, {} wrong; {} descriptors, {} \
                 tasks, {} MiB",
                figures.asked,
                figures.answered,
                figures.withdrawn,
                figures.failed_count(),
                figures.wrong_count,
                census.open(),
                census.tasks,
                census.resident >> 20
            )
        };
        match self {
            Self::Silent => {}
            Self::Bar(bar) => {
                bar.set_position(elapsed.as_millis() as u64);
                bar.set_message(text());
            }
            Self::Lines(last) => {
                let mut last = last.lock().expect("no panic");
                if elapsed >= *last + BETWEEN_LINES {
                    *last = elapsed;
                    eprintln!("{:>6} s: {}", elapsed.as_secs(), text());
                }
            }
        }
    }

    pub(super) fn done(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
