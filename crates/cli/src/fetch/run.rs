//! A run: starts a fetch for each URL of the input, within the number of jobs, and counts results.

use std::cmp::Ordering;
use std::panic;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::exit::GOODBYE;
use crate::failure::Failure;
use crate::fetch::HttpManager;
use crate::fetch::backlog::Backlog;
use crate::fetch::fetcher::{Fetched, Fetcher};
use crate::fetch::input::{Input, Item, Source, Total};
use crate::fetch::progress::{self, Progress};
use crate::fetch::report::{Broken, Destination, Report, ReportError};
use crate::fetch::summary::Summary;
use crate::fetch::target::Target;
use crate::interrupt::{Interrupt, Signal};

/// Failures beyond this number are counted, and not shown one by one.
const FAILURES_SHOWN: u64 = 20;

/// After a signal, the time for writing the lines of results that are already queued.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A run that has not started.
pub(crate) struct Run {
    pub(crate) manager: HttpManager,
    pub(crate) fetcher: Fetcher,
    pub(crate) sources: Vec<Source>,
    /// The number of fetches of each target.
    pub(crate) repeat: u64,
    /// The limit on fetches under way.
    pub(crate) jobs: usize,
    pub(crate) report: Option<Destination>,
    /// Whether to show a progress bar.
    pub(crate) progress: bool,
}

/// The result of a run.
pub(crate) struct Outcome {
    pub(crate) summary: Summary,
    /// The number of unusable lines and files of the input.
    pub(crate) bad: u64,
    /// The reason for an early end.
    pub(crate) stopped: Option<Stop>,
    /// The number of fetches that the early end cancelled; the summary does not count them.
    pub(crate) abandoned: usize,
    pub(crate) report_error: Option<ReportError>,
    pub(crate) took: Duration,
}

/// The reason for an early end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Signal(Signal),
    /// Bodies or results can not be written any more.
    Unwritable,
}

impl Run {
    /// Fetches the whole input, or the part of it before a signal.
    pub(crate) async fn finish(self, interrupt: &mut Interrupt) -> Outcome {
        let started = Instant::now();
        let mut state = State {
            manager: self.manager,
            fetcher: Arc::new(self.fetcher),
            input: Some(Input::start(self.sources)),
            repeat: self.repeat,
            backlog: Backlog::default(),
            report: self.report.map(Report::start),
            progress: Progress::start(self.progress),
            fetches: JoinSet::new(),
            total: None,
            bad: 0,
            summary: Summary::default(),
        };
        let stopped = tokio::select! {
            ended = state.drive(self.jobs) => ended.err().map(|Broken| Stop::Unwritable),
            signal = interrupt.raised() => Some(Stop::Signal(signal)),
        };
        let took = started.elapsed();
        let abandoned = state.fetches.len();
        state.fetches.shutdown().await;
        state.progress.finish();
        let mut report_error = None;
        if let Some(report) = state.report {
            let stop = async {
                interrupt.raised().await;
                sleep(LAST_WORDS).await;
            };
            report_error = report.finish(stop).await.err();
        }
        let stopped = match &report_error {
            Some(error) if error.stopped => Some(Stop::Signal(interrupt.raised().await)),
            Some(_) => stopped.or(Some(Stop::Unwritable)),
            None => stopped,
        };
        let _still_leased = state.manager.shutdown().within(GOODBYE).await;
        Outcome {
            summary: state.summary,
            bad: state.bad,
            stopped,
            abandoned,
            report_error,
            took,
        }
    }
}

struct State {
    manager: HttpManager,
    fetcher: Arc<Fetcher>,
    /// `None` after its end.
    input: Option<Input>,
    repeat: u64,
    backlog: Backlog,
    report: Option<Report>,
    progress: Progress,
    fetches: JoinSet<Fetched>,
    /// The number of fetches, once known.
    total: Option<Total>,
    bad: u64,
    summary: Summary,
}

impl State {
    /// Starts fetches and counts their results, until all are done, or bodies or results can not be
    /// written any more.
    async fn drive(&mut self, jobs: usize) -> Result<(), Broken> {
        let mut ticks = interval(progress::EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let more_may_come = self.input.is_some() && !self.backlog.is_full();
            while let Some((number, target)) = self.backlog.begin(jobs, more_may_come) {
                let fetcher = Arc::clone(&self.fetcher);
                self.fetches
                    .spawn(async move { fetcher.fetch(number, target).await });
            }
            if self.input.is_none() && self.fetches.is_empty() {
                return Ok(());
            }
            tokio::select! {
                Some(ended) = self.fetches.join_next() => {
                    self.end(ended).await?;
                }
                item = next(&mut self.input), if more_may_come => {
                    self.take(item);
                }
                _ = ticks.tick() => self.show(),
            }
        }
    }

    fn take(&mut self, item: Option<Item>) {
        match item {
            Some(Item::Target(target)) => self.backlog.push(target, self.repeat),
            Some(Item::Bad(what)) => {
                self.bad += 1;
                self.progress.complain(what);
            }
            None => {
                self.learn_total();
                self.input = None;
            }
        }
    }

    /// Counts a result, and passes it to the report.
    async fn end(&mut self, ended: Result<Fetched, JoinError>) -> Result<(), Broken> {
        let fetched = match ended {
            Ok(fetched) => fetched,
            Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
            // Only the end of the run cancels fetches, and then it counts no more results.
            Err(_) => return Ok(()),
        };
        self.backlog.ended(&fetched.target.host);
        self.summary.record(&fetched);
        if let Some(failure) = &fetched.failure {
            self.tell(&fetched.target, failure);
        }
        if let Some(report) = &self.report {
            report.write(&fetched).await?;
        }
        match fetched.output_is_lost {
            true => Err(Broken),
            false => Ok(()),
        }
    }

    fn tell(&self, target: &Target, failure: &Failure) {
        match self.summary.total.failed.cmp(&(FAILURES_SHOWN + 1)) {
            Ordering::Less => self
                .progress
                .complain(format_args!("{}: {failure}", target.uri)),
            Ordering::Equal => self.progress.complain(
                "further failures are only counted, by cause, in the summary; --jsonl has all",
            ),
            Ordering::Greater => {}
        }
    }

    fn show(&mut self) {
        self.learn_total();
        let done = self.summary.total.requests;
        self.progress
            .update(done, self.total, &self.manager.totals());
    }

    fn learn_total(&mut self) {
        if let Some(input) = &self.input {
            self.total = input.total().map(|total| total.times(self.repeat));
        }
    }
}

/// The next item; always `None` after the end of the input.
async fn next(input: &mut Option<Input>) -> Option<Item> {
    input.as_mut()?.next().await
}
