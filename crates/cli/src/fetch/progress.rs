//! The progress bar on standard error, if that is a terminal.

use std::fmt::Display;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use keepalive::Counts;

use crate::console;
use crate::fetch::input::Total;

/// The time between two updates.
pub(crate) const EVERY: Duration = Duration::from_millis(100);

/// The time that the shown rate is measured over.
const STRETCH: Duration = Duration::from_secs(1);

/// The progress of a run and the counts of its manager.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    style: Style,
    rate: Rate,
}

impl Progress {
    /// Starts the bar; it is drawn only if `visible`.
    pub(crate) fn start(visible: bool) -> Self {
        let target = match visible {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(Style::Unknown.template());
        Self {
            bar,
            style: Style::Unknown,
            rate: Rate::begin(Instant::now()),
        }
    }

    /// Shows that `done` of `total` fetches are done.
    pub(crate) fn update(&mut self, done: u64, total: Option<Total>, counts: &Counts) {
        if self.bar.is_hidden() {
            return;
        }
        let (style, length) = match total {
            None => (Style::Unknown, None),
            Some(Total::About(total)) => (Style::About, Some(total.max(done))),
            Some(Total::Exactly(total)) => (Style::Known, Some(total)),
        };
        if let Some(length) = length {
            self.bar.set_length(length);
        }
        if style != self.style {
            self.style = style;
            self.bar.set_style(style.template());
        }
        let rate = self.rate.at(Instant::now(), done);
        self.bar.set_message(format!(
            "{}/s  open {}  waiting {}",
            HumanCount(rate),
            HumanCount(counts.open as u64),
            HumanCount(counts.waiting as u64)
        ));
        self.bar.set_position(done);
        self.bar.tick();
    }

    /// Prints an error above the bar.
    pub(crate) fn complain(&self, message: impl Display) {
        self.bar.suspend(|| console::complain(message));
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// The form of the bar, by the knowledge of the total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Unknown,
    About,
    Known,
}

impl Style {
    fn template(self) -> ProgressStyle {
        let template = match self {
            Self::Unknown => "{elapsed_precise} {spinner} {human_pos} of ?  {msg}",
            Self::About => {
                "{elapsed_precise} [{bar:20}] {percent}% of about {human_len}, {eta} to go  {msg}"
            }
            Self::Known => {
                "{elapsed_precise} [{bar:20}] {percent}% of {human_len}, {eta} to go  {msg}"
            }
        };
        ProgressStyle::with_template(template)
            .expect("the templates are constant and well formed")
            .progress_chars("=> ")
    }
}

/// The rate of the last second.
#[derive(Debug)]
struct Rate {
    since: Instant,
    done_then: u64,
    shown: u64,
}

impl Rate {
    fn begin(now: Instant) -> Self {
        Self {
            since: now,
            done_then: 0,
            shown: 0,
        }
    }

    fn at(&mut self, now: Instant, done: u64) -> u64 {
        let elapsed = now.duration_since(self.since);
        let is_first = self.done_then == 0;
        if elapsed >= STRETCH || (is_first && elapsed >= EVERY) {
            let in_this_stretch = done.saturating_sub(self.done_then) as f64;
            self.shown = (in_this_stretch / elapsed.as_secs_f64()).round() as u64;
            if elapsed >= STRETCH {
                self.since = now;
                self.done_then = done;
            }
        }
        self.shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_progress_rate_is_that_of_the_last_second() {
        let start = Instant::now();
        let mut rate = Rate::begin(start);
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(rate.at(at(0), 5), 0);
        assert_eq!(rate.at(at(500), 50), 100);
        assert_eq!(rate.at(at(1000), 200), 200);
        assert_eq!(rate.at(at(1500), 900), 200);
        assert_eq!(rate.at(at(3000), 1200), 500);
    }
}
