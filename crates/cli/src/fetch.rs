//! One fetch: from asking for a connection to the last byte of the answer.

use std::time::Duration;

use http::{Uri, Version};
use http_body_util::BodyExt;
use keepalive::{FromCache, Timing};
use keepalive_http::Allocation;
use tokio::time::{Instant, timeout_at};

use crate::exchange::{Answer, Body, Counts, ExchangeError, Exchanges};
use crate::failure::Failure;
use crate::output::Output;
use crate::target::Target;

/// The manager knows in which phase the time ran out, so it is given the chance to say so first.
const GRACE: Duration = Duration::from_millis(100);

/// Fetches, all through one manager.
pub(crate) struct Fetcher {
    exchanges: Exchanges,
    timeout: Duration,
    error_statuses_fail: bool,
    output: Option<Output>,
}

impl Fetcher {
    /// `timeout` is the manager's, and bounds the whole fetch here. Bodies go to `output`.
    pub(crate) fn new(
        exchanges: Exchanges,
        timeout: Duration,
        error_statuses_fail: bool,
        output: Option<Output>,
    ) -> Self {
        Self {
            exchanges,
            timeout,
            error_statuses_fail,
            output,
        }
    }

    /// Fetches `target`, the `number`th of the run.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the fetch; a file begun for its body is removed.
    pub(crate) async fn fetch(&self, number: u64, target: Target) -> Fetched {
        let started = Instant::now();
        let mut fetched = Fetched::begin(number, target);
        let result = self.exchange(&mut fetched, started + self.timeout).await;
        fetched.failure = result.err();
        fetched.took = started.elapsed();
        fetched
    }

    async fn exchange(&self, fetched: &mut Fetched, deadline: Instant) -> Result<(), Failure> {
        let counts = Counts::default();
        let result = self.counted(fetched, &counts, deadline).await;
        fetched.redirects = counts.redirects();
        fetched.resent = counts.resent();
        fetched.bytes = counts.received();
        result
    }

    async fn counted(
        &self,
        fetched: &mut Fetched,
        counts: &Counts,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let answer = self.exchanges.send(&fetched.target, counts);
        let answer = match timeout_at(deadline + GRACE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                if let ExchangeError::Http(error) = &error {
                    fetched.timing = error.timing();
                }
                let mut failure = Failure::from(&error);
                if let Some(advice) = self.exchanges.advice(&fetched.target) {
                    failure.advise(advice);
                }
                return Err(failure);
            }
            Err(_) => return Err(Failure::timeout("response")),
        };
        fetched.head(&answer);
        if let Some((function, why)) = self.exchanges.fault(&answer) {
            return Err(Failure::of(function, why));
        }
        let response = answer.response;
        let refused = self.error_statuses_fail
            && (response.status().is_client_error() || response.status().is_server_error());
        let status = response.status();
        let output = self.output.as_ref().filter(|_| !refused);
        let body = body(fetched, response.into_body(), answer.unpacked, output);
        match timeout_at(deadline, body).await {
            Ok(Ok(())) if refused => Err(Failure::status(status)),
            Ok(result) => result,
            Err(_) => Err(Failure::timeout("body")),
        }
    }
}

/// Reads the body to its end, also when nobody wants it: only then can the connection serve again.
async fn body(
    fetched: &mut Fetched,
    mut body: Body,
    unpacked: bool,
    output: Option<&Output>,
) -> Result<(), Failure> {
    let mut file = match output {
        Some(output) => Some(
            output
                .begin(fetched.number, &fetched.target.uri)
                .map_err(|error| Failure::output(&error))?,
        ),
        None => None,
    };
    let mut length = 0;
    fetched.unpacked = unpacked.then_some(length);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::body(&*error))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        length += data.len() as u64;
        fetched.unpacked = unpacked.then_some(length);
        if let Some(file) = &mut file {
            file.write(&data)
                .await
                .map_err(|error| Failure::output(&error))?;
        }
    }
    if let Some(file) = file {
        let name = file.finish().await;
        fetched.file = Some(name.map_err(|error| Failure::output(&error))?);
    }
    Ok(())
}

/// What came of one fetch.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) number: u64,
    pub(crate) target: Target,
    /// Set once the head of the answer is there.
    pub(crate) status: Option<u16>,
    /// Which version of HTTP was spoken with the server that answered.
    pub(crate) version: Option<Version>,
    /// How many redirects were followed.
    pub(crate) redirects: u32,
    /// Where they led to, if there is an answer.
    pub(crate) final_url: Option<Uri>,
    /// How long the body was as it was sent.
    pub(crate) bytes: u64,
    /// How long it was when it had been unpacked; `None` if it was not packed.
    pub(crate) unpacked: Option<u64>,
    /// How the answer's connection was come by; means something only where `status` is set.
    pub(crate) from_cache: Option<FromCache>,
    /// How long it took to get a connection, or to fail to.
    pub(crate) timing: Option<Timing>,
    /// How often the request was sent again because the connection had been closed under it.
    pub(crate) resent: u32,
    /// The file of the body.
    pub(crate) file: Option<String>,
    /// The whole fetch.
    pub(crate) took: Duration,
    pub(crate) failure: Option<Failure>,
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
            bytes: 0,
            unpacked: None,
            from_cache: None,
            timing: None,
            resent: 0,
            file: None,
            took: Duration::ZERO,
            failure: None,
        }
    }

    fn head(&mut self, answer: &Answer) {
        let response = &answer.response;
        self.status = Some(response.status().as_u16());
        self.version = Some(response.version());
        self.final_url = Some(answer.uri.clone()).filter(|uri| *uri != self.target.uri);
        if let Some(allocation) = response.extensions().get::<Allocation>() {
            self.from_cache = allocation.from_cache;
            self.timing = Some(allocation.timing);
        }
    }
}
