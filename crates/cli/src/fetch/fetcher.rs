//! One fetch: from asking for a connection to the last byte of the answer.

use std::time::Duration;

use http::{HeaderMap, Uri, Version};
use hyper::body::Body as _;
use keepalive::{FromCache, Timing};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::failure::Failure;
use crate::fetch::coding::{self, Decoded};
use crate::fetch::exchange::heads::Speaker;
use crate::fetch::exchange::trail::{Tells, Trail};
use crate::fetch::exchange::{Answer, ExchangeError, Exchanges};
use crate::fetch::output::{Begun, Output};
use crate::fetch::pace::{self, Pace};
use crate::fetch::retry;
use crate::fetch::target::Target;

/// The manager knows in which phase the time ran out. Its time begins a moment later, when it is
/// asked for a connection, and clocks tick in milliseconds; so long it may take to say so.
const GRACE: Duration = Duration::from_millis(10);

/// Fetches, all through one manager.
pub(crate) struct Fetcher {
    pub(crate) exchanges: Exchanges,
    /// The manager's, which bounds the whole fetch here.
    pub(crate) timeout: Duration,
    pub(crate) error_statuses_fail: bool,
    /// Where bodies go; without it they are dropped.
    pub(crate) output: Option<Output>,
    /// How long a body may be, once its codings are undone.
    pub(crate) max_size: Option<u64>,
    /// How often an answer such as 503 is asked for again.
    pub(crate) retry: u32,
    /// How often a host is asked.
    pub(crate) pace: Option<Pace>,
    /// How many bytes of a body are read in a second.
    pub(crate) limit_rate: Option<u64>,
    pub(crate) shows: Shows,
}

/// What is shown of heads.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shows {
    /// Heads go before the bodies.
    pub(crate) include: bool,
    /// Headers are in the lines of JSON.
    pub(crate) headers: bool,
    /// Heads go to standard error.
    pub(crate) verbose: bool,
    /// There they have a number, as there are several.
    pub(crate) numbers: bool,
}

impl Fetcher {
    /// Fetches `target`, the `number`th of the run.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the fetch; a file begun for its body is removed.
    pub(crate) async fn fetch(&self, number: u64, target: Target) -> Fetched {
        if let Some(pace) = &self.pace {
            pace.turn(&target.host).await;
        }
        let started = Instant::now();
        let mut fetched = Fetched::begin(number, self.exchanges.aim(target));
        let trail = self.trail(number);
        let result = self.exchange(&mut fetched, &trail, started + self.timeout);
        fetched.failure = result.await.err();
        fetched.output_is_lost = self.has_lost_output(&fetched);
        fetched.follow(&trail);
        if let (Some(failure), Some(status)) = (&mut fetched.failure, fetched.status) {
            failure.redirected(status, fetched.final_url.as_ref());
        }
        fetched.took = started.elapsed();
        fetched
    }

    /// Whether standard output takes no body any more, also none of another fetch.
    fn has_lost_output(&self, fetched: &Fetched) -> bool {
        let failure = fetched.failure.as_ref();
        matches!(self.output, Some(Output::Standard { .. }))
            && failure
                .is_some_and(|failure| failure.function == "write" && failure.error_num.is_some())
    }

    fn trail(&self, number: u64) -> Trail {
        let tells = Tells {
            text: self.shows.include,
            headers: self.shows.headers,
        };
        let number = self.shows.numbers.then_some(number);
        let speaker = self.shows.verbose.then_some(Speaker { number });
        Trail::new(tells, speaker)
    }

    async fn exchange(
        &self,
        fetched: &mut Fetched,
        trail: &Trail,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let answer = loop {
            let answer = self.answer(fetched, trail, deadline).await?;
            let Some(pause) = self.pause(&answer, fetched.retried) else {
                break answer;
            };
            // What would come too late is not waited for.
            if Instant::now() + pause >= deadline {
                break answer;
            }
            drop(answer);
            sleep(pause).await;
            fetched.retried += 1;
        };
        if let Some((function, why)) = self.exchanges.fault(&answer) {
            return Err(Failure::of(function, why));
        }
        let status = answer.response.status();
        let refused =
            self.error_statuses_fail && (status.is_client_error() || status.is_server_error());
        let mut begun = None;
        let mut deadline = deadline;
        if let Some(output) = self.output.as_ref().filter(|_| !refused) {
            let started = Instant::now();
            begun = Some(begin(output, fetched, trail).await?);
            deadline += started.elapsed();
        }
        self.body(fetched, trail, answer, begun.as_mut(), deadline)
            .await?;
        if let Some(begun) = begun {
            let place = begun.place();
            let name = begun.finish().await;
            fetched.file = name.map_err(|error| Failure::output(&place, &error))?;
        }
        match refused {
            true => Err(Failure::status(status)),
            false => Ok(()),
        }
    }

    async fn answer(
        &self,
        fetched: &mut Fetched,
        trail: &Trail,
        deadline: Instant,
    ) -> Result<Answer, Failure> {
        let answer = self.exchanges.send(&fetched.target, trail);
        match timeout_at(deadline + GRACE, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if let ExchangeError::Http(error) = &error {
                    fetched.timing = error.timing();
                }
                let mut failure = Failure::from(&error);
                if let Some(advice) = self.exchanges.advice(&fetched.target, &error) {
                    failure.advise(advice);
                }
                Err(failure)
            }
            Err(_) => Err(Failure::timeout("response")),
        }
    }

    /// How long to wait before the same is asked again; `None` if the answer counts.
    fn pause(&self, answer: &Answer, tried: u32) -> Option<Duration> {
        let head = &answer.response;
        let pause = retry::pause(
            self.exchanges.method(),
            head.status(),
            head.headers(),
            tried,
        );
        pause.filter(|_| tried < self.retry)
    }

    /// Reads the body to its end, also when nobody wants it: only then can the connection serve again.
    ///
    /// The time that it takes to write it is not the server's, and does not count: somebody may read
    /// it page by page.
    async fn body(
        &self,
        fetched: &mut Fetched,
        trail: &Trail,
        answer: Answer,
        mut begun: Option<&mut Begun>,
        mut deadline: Instant,
    ) -> Result<(), Failure> {
        let codings = self.exchanges.codings(&answer).unwrap_or_default();
        let is_coded = !codings.is_empty();
        if !is_coded {
            fetched.content_encoding = coding::shown(answer.response.headers());
        }
        let body = answer.response.into_body();
        if let Some(max) = self.max_size.filter(|_| !is_coded)
            && body.size_hint().lower() > max
        {
            return Err(Failure::too_long(max));
        }
        let mut body = Decoded::new(body, codings);
        let begun_at = Instant::now();
        let mut length = 0;
        loop {
            fetched.unpacked = is_coded.then_some(length);
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
                let due = pace::due(begun_at, trail.received(), rate);
                if timeout_at(deadline, sleep_until(due)).await.is_err() {
                    return Err(Failure::timeout("body"));
                }
            }
        }
    }
}

async fn begin(output: &Output, fetched: &Fetched, trail: &Trail) -> Result<Begun, Failure> {
    let begun = output.begin(fetched.number, &fetched.target.uri).await;
    let mut begun = begun.map_err(|error| Failure::output(&output.place(), &error))?;
    match begun.write_head(&trail.take_text()).await {
        Ok(()) => Ok(begun),
        Err(error) => Err(Failure::output(&begun.place(), &error)),
    }
}

/// What came of one fetch.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) number: u64,
    pub(crate) target: Target,
    /// Of the answer to what was asked for last, once its head is there.
    pub(crate) status: Option<u16>,
    /// Which version of HTTP was spoken with the server that answered.
    pub(crate) version: Option<Version>,
    /// How many redirects were followed.
    pub(crate) redirects: u32,
    /// What was asked for last, where that is something else.
    pub(crate) final_url: Option<Uri>,
    /// The headers of that answer, if they are wanted.
    pub(crate) headers: Option<HeaderMap>,
    /// How long the body was as it was sent.
    pub(crate) bytes: u64,
    /// How long it was when it had been unpacked; `None` if it was not packed.
    pub(crate) unpacked: Option<u64>,
    /// How the body is still coded, as it was sent unasked.
    pub(crate) content_encoding: Option<String>,
    /// How the answer's connection was come by; means something only where `status` is set.
    pub(crate) from_cache: Option<FromCache>,
    /// How long it took to get a connection, or to fail to.
    pub(crate) timing: Option<Timing>,
    /// How often the request was sent again because the connection had been closed under it.
    pub(crate) resent: u32,
    /// How often it was asked again because of an answer such as 503.
    pub(crate) retried: u32,
    /// The file of the body.
    pub(crate) file: Option<String>,
    /// The whole fetch.
    pub(crate) took: Duration,
    pub(crate) failure: Option<Failure>,
    /// The failure is one of all fetches to come.
    pub(crate) output_is_lost: bool,
}

impl Fetched {
    pub(crate) fn begin(number: u64, target: Target) -> Self {
        Self {
            number,
            target,
            status: None,
            version: None,
            redirects: 0,
            final_url: None,
            headers: None,
            bytes: 0,
            unpacked: None,
            content_encoding: None,
            from_cache: None,
            timing: None,
            resent: 0,
            retried: 0,
            file: None,
            took: Duration::ZERO,
            failure: None,
            output_is_lost: false,
        }
    }

    /// Takes over what the exchange has left behind.
    fn follow(&mut self, trail: &Trail) {
        self.redirects = trail.redirects();
        self.resent = trail.resent();
        self.bytes = trail.received();
        self.final_url = trail.asked().filter(|uri| *uri != self.target.uri);
        let Some(answer) = trail.answer() else {
            return;
        };
        self.status = Some(answer.status.as_u16());
        self.version = Some(answer.version);
        self.headers = answer.headers;
        if let Some(allocation) = answer.allocation {
            self.from_cache = allocation.from_cache;
            self.timing = Some(allocation.timing);
        }
    }
}
