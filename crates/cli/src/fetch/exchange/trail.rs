//! The record of one exchange, which stays if the exchange fails.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri, Version};
use http_body_util::Full;
use keepalive_http::{Allocation, Error};

use crate::fetch::exchange::heads::{self, Speaker};

/// The record of one exchange: the last request and response, and counts. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Trail(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tells: Tells,
    speaker: Option<Speaker>,
    redirects: AtomicU32,
    resent: AtomicU32,
    received: AtomicU64,
    heads: Mutex<Heads>,
}

/// The parts of heads to record besides the last status.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tells {
    /// The heads of all responses as text, for `--include`.
    pub(crate) text: bool,
    /// The headers of the last response, for `--jsonl-headers`.
    pub(crate) headers: bool,
}

#[derive(Debug, Default)]
struct Heads {
    asked: Option<Uri>,
    answer: Option<Answered>,
    text: Vec<u8>,
}

/// The head of a response.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    /// How its connection was obtained.
    pub(crate) allocation: Option<Allocation>,
    /// The headers, if they are recorded.
    pub(crate) headers: Option<HeaderMap>,
}

impl Trail {
    /// Starts a record. `speaker` prints both heads of every hop as they come.
    pub(crate) fn new(tells: Tells, speaker: Option<Speaker>) -> Self {
        Self(Arc::new(Inner {
            tells,
            speaker,
            redirects: AtomicU32::new(0),
            resent: AtomicU32::new(0),
            received: AtomicU64::new(0),
            heads: Mutex::default(),
        }))
    }

    /// Records a request before it is sent, and drops the response to the one before.
    pub(crate) fn asks(&self, request: &Request<Full<Bytes>>) {
        let mut heads = self.heads();
        heads.asked = Some(request.uri().clone());
        heads.answer = None;
        // The body of a redirect is not counted.
        self.0.received.store(0, Ordering::Relaxed);
        if let Some(speaker) = &self.0.speaker {
            speaker.say(&heads::request(request));
        }
    }

    /// Records the head of a response.
    pub(crate) fn answered<B>(&self, response: &Response<B>) {
        let allocation = response.extensions().get::<Allocation>().copied();
        let resent = allocation.map_or(0, |allocation| allocation.resent);
        self.0.resent.fetch_add(resent, Ordering::Relaxed);
        let tells = self.0.tells;
        let mut heads = self.heads();
        if tells.text {
            heads.text.extend(heads::response(response));
        }
        heads.answer = Some(Answered {
            status: response.status(),
            version: response.version(),
            allocation,
            headers: tells.headers.then(|| response.headers().clone()),
        });
        if let Some(speaker) = &self.0.speaker {
            speaker.say(&heads::harmless_response(response));
        }
    }

    /// Records the error of a request.
    pub(crate) fn failed(&self, error: &Error) {
        self.0.resent.fetch_add(error.resent(), Ordering::Relaxed);
    }

    /// Counts bytes of the body.
    pub(crate) fn received_more(&self, bytes: usize) {
        self.0.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a redirect.
    pub(crate) fn redirected(&self) {
        self.0.redirects.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of redirects.
    pub(crate) fn redirects(&self) -> u32 {
        self.0.redirects.load(Ordering::Relaxed)
    }

    /// The number of times that the client sent a request again on another connection.
    pub(crate) fn resent(&self) -> u32 {
        self.0.resent.load(Ordering::Relaxed)
    }

    /// The bytes of the last body as sent.
    pub(crate) fn received(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }

    /// The last URL that was requested.
    pub(crate) fn asked(&self) -> Option<Uri> {
        self.heads().asked.clone()
    }

    /// The response to the last request.
    pub(crate) fn answer(&self) -> Option<Answered> {
        self.heads().answer.clone()
    }

    /// Takes the heads of all responses so far.
    pub(crate) fn take_text(&self) -> Vec<u8> {
        std::mem::take(&mut self.heads().text)
    }

    fn heads(&self) -> MutexGuard<'_, Heads> {
        self.0.heads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
