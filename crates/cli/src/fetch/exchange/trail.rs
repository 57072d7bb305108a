//! The record of one fetch, which stays if the fetch fails.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri, Version};
use http_body_util::Full;
use keepalive::{FromCache, Timing};
use keepalive_http::Body;

use crate::fetch::exchange::heads;
use crate::fetch::target::Target;

/// Records one fetch, and prints its heads as they come. Clones share the record.
#[derive(Clone, Debug)]
pub(crate) struct Trail {
    pub(crate) shows: Shows,
    pub(crate) number: u64,
    pub(crate) record: Arc<Mutex<Record>>,
}

/// The places where heads are shown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shows {
    /// Before the bodies.
    pub(crate) include: bool,
    /// In the lines of JSON, without the status line.
    pub(crate) headers: bool,
    /// On standard error.
    pub(crate) verbose: bool,
    /// On standard error, each line begins with the number of its fetch.
    pub(crate) numbers: bool,
}

/// The last request and response of a fetch, and counts.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// The last URL that was requested.
    pub(crate) asked: Option<Uri>,
    /// The response to that request.
    pub(crate) answer: Option<Answered>,
    /// The time until getting a connection failed.
    pub(crate) failed_after: Option<Timing>,
    /// The length of the body as sent.
    pub(crate) received: u64,
    /// The length of the unpacked body; `None` if it was not packed.
    pub(crate) unpacked: Option<u64>,
    /// The content codings that were left in place.
    pub(crate) content_encoding: Option<String>,
    /// The name of the body's file.
    pub(crate) file: Option<String>,
    /// The number of redirects that were followed.
    pub(crate) redirects: u32,
    /// The number of times that the client sent a request again on another connection.
    pub(crate) resent: u32,
    /// The number of retries after a status such as 503.
    pub(crate) retried: u32,
    /// The heads of all responses, for `--include`.
    pub(crate) text: Vec<u8>,
}

/// The head of a response.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    /// How its connection was obtained.
    pub(crate) from_cache: Option<FromCache>,
    /// The time for getting its connection.
    pub(crate) timing: Timing,
    /// The headers, if they are recorded.
    pub(crate) headers: Option<HeaderMap>,
}

impl Record {
    /// The last URL that was requested, if it differs from `target`.
    pub(crate) fn final_url(&self, target: &Target) -> Option<&Uri> {
        self.asked.as_ref().filter(|uri| **uri != target.uri)
    }

    /// The time for getting a connection, or until that failed.
    pub(crate) fn timing(&self) -> Option<Timing> {
        let answer = self.answer.as_ref();
        answer.map(|answer| answer.timing).or(self.failed_after)
    }
}

impl Trail {
    /// Records a request before it is sent, and drops the response to the one before.
    pub(crate) fn asks(&self, request: &Request<Full<Bytes>>) {
        self.show(|| heads::request(request));
        let mut record = self.record();
        record.asked = Some(request.uri().clone());
        record.answer = None;
        // The body of a redirect is not counted.
        record.received = 0;
    }

    pub(crate) fn answered(&self, response: &Response<Body>) {
        let allocation = *response.body().allocation();
        self.show(|| {
            let mut lines = vec![heads::connection(&allocation)];
            lines.extend(heads::harmless_response(response));
            lines
        });
        let mut record = self.record();
        record.resent += allocation.resent;
        if self.shows.include {
            record.text.extend(heads::response(response));
        }
        record.answer = Some(Answered {
            status: response.status(),
            version: response.version(),
            from_cache: allocation.from_cache,
            timing: allocation.timing,
            headers: self.shows.headers.then(|| response.headers().clone()),
        });
    }

    fn show(&self, lines: impl FnOnce() -> Vec<String>) {
        if self.shows.verbose {
            let number = self.shows.numbers.then_some(self.number);
            heads::print(number, &lines());
        }
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
