//! One fetch: from the request for a connection to the last byte of the body.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Body as _;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::failure::Failure;
use crate::fetch::coding::{self, Decoded};
use crate::fetch::exchange::trail::{Record, Shows, Trail};
use crate::fetch::exchange::{Answer, ExchangeError, Exchanges};
use crate::fetch::output::{Begun, Output};
use crate::fetch::pace::{self, Pace};
use crate::fetch::retry;
use crate::fetch::target::Target;

/// Extra time for the manager to report its own timeout, since its error names the phase.
///
/// Its clock starts a moment after ours, and ticks in milliseconds.
const GRACE: Duration = Duration::from_millis(10);

/// Fetches URLs through one manager.
pub(crate) struct Fetcher {
    pub(crate) exchanges: Exchanges,
    /// The limit on a whole fetch, and the manager's timeout.
    pub(crate) timeout: Duration,
    pub(crate) error_statuses_fail: bool,
    /// The destination of bodies; without one, they are dropped.
    pub(crate) output: Option<Output>,
    /// The limit on the length of an unpacked body.
    pub(crate) max_size: Option<u64>,
    /// The number of retries after a status such as 503.
    pub(crate) retry: u32,
    /// The limit on the rate of fetches of a host.
    pub(crate) pace: Option<Pace>,
    /// The limit on the rate of a body, in bytes a second.
    pub(crate) limit_rate: Option<u64>,
    pub(crate) shows: Shows,
}

impl Fetcher {
    /// Fetches `target`, the `number`th of the run.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the fetch, and removes the incomplete file of its body.
    pub(crate) async fn fetch(&self, number: u64, target: Target) -> Fetched {
        if let Some(pace) = &self.pace {
            pace.turn(&target.host).await;
        }
        let started = Instant::now();
        let target = self.exchanges.message.aim(target);
        let trail = Trail {
            shows: self.shows,
            number,
            record: Arc::default(),
        };
        let result = self.exchange(number, &target, &trail, started + self.timeout);
        let mut failure = result.await.err();
        let record = mem::take(&mut *trail.record());
        if let (Some(failure), Some(answer)) = (&mut failure, &record.answer) {
            failure.redirected(answer.status, record.final_url(&target));
        }
        Fetched {
            number,
            target,
            record,
            took: started.elapsed(),
            output_is_lost: failure
                .as_ref()
                .is_some_and(|one| self.has_lost_output(one)),
            failure,
        }
    }

    /// Whether writing to standard output failed, which ends all fetches.
    fn has_lost_output(&self, failure: &Failure) -> bool {
        matches!(self.output, Some(Output::Standard { .. }))
            && failure.function == "write"
            && failure.error_num.is_some()
    }

    async fn exchange(
        &self,
        number: u64,
        target: &Target,
        trail: &Trail,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let answer = loop {
            let answer = self.answer(target, trail, deadline).await?;
            let Some(pause) = self.pause(&answer, trail.record().retried) else {
                break answer;
            };
            // A retry after the deadline is useless, so this response is the result.
            if Instant::now() + pause >= deadline {
                break answer;
            }
            drop(answer);
            sleep(pause).await;
            trail.record().retried += 1;
        };
        if let Some((function, why)) = self.exchanges.fault(&answer) {
            return Err(Failure::of(function, why));
        }
        let status = answer.status();
        let refused =
            self.error_statuses_fail && (status.is_client_error() || status.is_server_error());
        let mut begun = None;
        let mut deadline = deadline;
        if let Some(output) = self.output.as_ref().filter(|_| !refused) {
            let started = Instant::now();
            begun = Some(begin(output, number, target, trail).await?);
            deadline += started.elapsed();
        }
        self.body(trail, answer, begun.as_mut(), deadline).await?;
        if let Some(begun) = begun {
            let place = begun.place();
            let name = begun.finish().await;
            trail.record().file = name.map_err(|error| Failure::output(&place, &error))?;
        }
        match refused {
            true => Err(Failure::status(status)),
            false => Ok(()),
        }
    }

    async fn answer(
        &self,
        target: &Target,
        trail: &Trail,
        deadline: Instant,
    ) -> Result<Answer, Failure> {
        let answer = self.exchanges.send(target, trail);
        match timeout_at(deadline + GRACE, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if let ExchangeError::Http(error) = &error {
                    trail.record().failed_after = error.timing();
                }
                let mut failure = Failure::from(&error);
                if let Some(advice) = self.exchanges.advice(target, &error) {
                    failure.advise(advice);
                }
                Err(failure)
            }
            Err(_) => Err(Failure::timeout("response")),
        }
    }

    /// The pause before a retry; `None` if the response is the result.
    fn pause(&self, answer: &Answer, tried: u32) -> Option<Duration> {
        let method = &self.exchanges.message.method;
        let pause = retry::pause(method, answer.status(), answer.headers(), tried);
        pause.filter(|_| tried < self.retry)
    }

    /// Reads the body to its end, even if it is dropped: only then can the connection be reused.
    ///
    /// The time for writing the body does not count: a pager may block standard output.
    async fn body(
        &self,
        trail: &Trail,
        answer: Answer,
        mut begun: Option<&mut Begun>,
        mut deadline: Instant,
    ) -> Result<(), Failure> {
        let codings = self.exchanges.codings(&answer).unwrap_or_default();
        let is_coded = !codings.is_empty();
        if !is_coded {
            trail.record().content_encoding = coding::shown(answer.headers());
        }
        let body = answer.into_body();
        if let Some(max) = self.max_size.filter(|_| !is_coded)
            && body.size_hint().lower() > max
        {
            return Err(Failure::too_long(max));
        }
        let mut body = Decoded::new(body, codings);
        let begun_at = Instant::now();
        let mut length = 0;
        loop {
            trail.record().unpacked = is_coded.then_some(length);
            let data = match timeout_at(deadline, body.next()).await {
                Ok(Ok(None)) => return Ok(()),
                Ok(Ok(Some(data))) => data,
                Ok(Err(error)) => return Err(Failure::body(error)),
                Err(_) => return Err(Failure::timeout("body")),
            };
            length += data.len() as u64;
            if let Some(max) = self.max_size.filter(|&max| length > max) {
                return Err(Failure::too_long(max));
            }
            if let Some(begun) = &mut begun {
                let started = Instant::now();
                if let Err(error) = begun.write(&data).await {
                    return Err(Failure::output(&begun.place(), &error));
                }
                deadline += started.elapsed();
            }
            if let Some(rate) = self.limit_rate {
                let received = trail.record().received;
                let due = pace::due(begun_at, received, rate);
                if timeout_at(deadline, sleep_until(due)).await.is_err() {
                    return Err(Failure::timeout("body"));
                }
            }
        }
    }
}

async fn begin(
    output: &Output,
    number: u64,
    target: &Target,
    trail: &Trail,
) -> Result<Begun, Failure> {
    let begun = output.begin(number, &target.uri).await;
    let mut begun = begun.map_err(|error| Failure::output(&output.place(), &error))?;
    let heads = mem::take(&mut trail.record().text);
    match begun.file.write_all(&heads).await {
        Ok(()) => Ok(begun),
        Err(error) => Err(Failure::output(&begun.place(), &error)),
    }
}

/// The result of a fetch.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) number: u64,
    pub(crate) target: Target,
    pub(crate) record: Record,
    /// The time of the whole fetch.
    pub(crate) took: Duration,
    pub(crate) failure: Option<Failure>,
    /// Whether all further fetches would fail to write their bodies.
    pub(crate) output_is_lost: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Fetched {
        /// The result of a fetch that has done nothing yet.
        pub(crate) fn begin(number: u64, url: &str) -> Self {
            Self {
                number,
                target: url.parse().expect(url),
                record: Record::default(),
                took: Duration::ZERO,
                failure: None,
                output_is_lost: false,
            }
        }
    }
}
