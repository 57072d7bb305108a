//! The progress bar on standard error, if that is a terminal.

use std::fmt::Display;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use keepalive::Counts;

use crate::console;
use crate::fetch::input::Total;

/// The time between two updates.
pub(crate) const EVERY: Duration = Duration::from_millis(100);

/// The bar while the total is unknown.
const UNKNOWN: &str = "{elapsed_precise} {spinner} {human_pos} of ?  {msg}";

const KNOWN: &str =
    "{elapsed_precise} [{bar:20}] {percent}% of {prefix}{human_len}, {eta} to go  {msg}";

/// The progress of a run and the counts of its manager.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Starts the bar; it is drawn only if `visible`.
    pub(crate) fn start(visible: bool) -> Self {
        let target = match visible {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(style(UNKNOWN));
        Self { bar }
    }

    /// Shows that `done` of `total` fetches are done.
    pub(crate) fn update(&self, done: u64, total: Option<Total>, counts: &Counts) {
        if self.bar.is_hidden() {
            return;
        }
        if let Some(total) = total {
            let (prefix, length) = match total {
                Total::About(total) => ("about ", total.max(done)),
                Total::Exactly(total) => ("", total),
            };
            if self.bar.length().is_none() {
                self.bar.set_style(style(KNOWN));
            }
            self.bar.set_length(length);
            self.bar.set_prefix(prefix);
        }
        self.bar.set_position(done);
        self.bar.set_message(format!(
            "{}/s  open {}  waiting {}",
            HumanCount(self.bar.per_sec().round() as u64),
            HumanCount(counts.open as u64),
            HumanCount(counts.waiting as u64)
        ));
        self.bar.tick();
    }

    /// Prints an error above the bar.
    pub(crate) fn complain(&self, message: impl Display) {
        self.bar.suspend(|| console::complain(message));
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates are constant and well formed")
        .progress_chars("=> ")
}
