//! What an exchange leaves behind, also if it fails: what was asked last, what was answered, and
//! counts.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri, Version};
use http_body_util::Full;
use keepalive_http::{Allocation, Error};

use crate::fetch::exchange::heads::{self, Speaker};

/// The trail of one exchange. Clones are of one and the same.
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

/// What is written down of heads, besides the last status.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tells {
    /// The heads of all answers, as text, for standard output or a file.
    pub(crate) text: bool,
    /// The headers of the last answer.
    pub(crate) headers: bool,
}

#[derive(Debug, Default)]
struct Heads {
    asked: Option<Uri>,
    answer: Option<Answered>,
    text: Vec<u8>,
}

/// The head of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    /// How its connection was come by.
    pub(crate) allocation: Option<Allocation>,
    /// As they came, if they are wanted.
    pub(crate) headers: Option<HeaderMap>,
}

impl Trail {
    /// Both heads of every hop are shown by `speaker`, if there is one, when they are there.
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

    /// `request` is about to be sent; what was answered before is over.
    pub(crate) fn asks(&self, request: &Request<Full<Bytes>>) {
        let mut heads = self.heads();
        heads.asked = Some(request.uri().clone());
        heads.answer = None;
        // What a redirect says beside its location is not counted.
        self.0.received.store(0, Ordering::Relaxed);
        if let Some(speaker) = &self.0.speaker {
            speaker.say(&heads::request(request));
        }
    }

    /// An answer has come, as it is here.
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

    /// No answer will come.
    pub(crate) fn failed(&self, error: &Error) {
        self.0.resent.fetch_add(error.resent(), Ordering::Relaxed);
    }

    /// So many bytes of the body have come.
    pub(crate) fn received_more(&self, bytes: usize) {
        self.0.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A redirect is followed.
    pub(crate) fn redirected(&self) {
        self.0.redirects.fetch_add(1, Ordering::Relaxed);
    }

    /// How many redirects were followed.
    pub(crate) fn redirects(&self) -> u32 {
        self.0.redirects.load(Ordering::Relaxed)
    }

    /// How often a request was sent again because its connection had been closed under it.
    pub(crate) fn resent(&self) -> u32 {
        self.0.resent.load(Ordering::Relaxed)
    }

    /// Bytes of the last body, as they were sent.
    pub(crate) fn received(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }

    /// What was asked for last, if anything was.
    pub(crate) fn asked(&self) -> Option<Uri> {
        self.heads().asked.clone()
    }

    /// The answer to what was asked for last.
    pub(crate) fn answer(&self) -> Option<Answered> {
        self.heads().answer.clone()
    }

    /// The heads of all answers so far, one after the other; they are not given twice.
    pub(crate) fn take_text(&self) -> Vec<u8> {
        std::mem::take(&mut self.heads().text)
    }

    fn heads(&self) -> MutexGuard<'_, Heads> {
        self.0.heads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
