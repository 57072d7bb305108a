//! The body of a request, of any type.

use std::any::Any;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::{Buf, Bytes};

use self::consent::Consent;
pub(crate) use self::consent::Gate;

mod consent;

/// Less than the send buffer of a socket on any system.
const AT_ONCE: u64 = 16 * 1024;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request. Its type is erased, so that one manager serves all body types.
pub(crate) struct Outgoing {
    content: Content,
    /// `Some` until it may be sent, if it waits for a 100.
    consent: Option<Box<Consent>>,
    /// `Some` once its end is waited for.
    kept: Option<Arc<()>>,
}

/// The place of a body that is not in memory as a whole, or waits.
pub(crate) struct Upload(Weak<()>);

impl Upload {
    /// Whether hyper has taken all of the body, or dropped it.
    pub(crate) fn is_taken(&self) -> bool {
        self.0.strong_count() == 0
    }
}

enum Content {
    Whole(Full<Bytes>),
    Stream(Pin<Box<dyn Stream>>),
}

impl Outgoing {
    pub(crate) fn new<B>(mut body: B) -> Self
    where
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let whole = match body.is_end_stream() {
            true => Some(Full::default()),
            false => whole(&mut body),
        };
        Self::of(whole.map_or_else(|| Content::Stream(Box::pin(body)), Content::Whole))
    }

    fn of(content: Content) -> Self {
        Self {
            content,
            consent: None,
            kept: None,
        }
    }

    /// A copy of the body, if it is in memory as a whole.
    pub(crate) fn again(&self) -> Option<Self> {
        match &self.content {
            Content::Whole(body) => Some(Self::of(Content::Whole(body.clone()))),
            Content::Stream(_) => None,
        }
    }

    /// Appends a body that is in memory as a whole.
    pub(crate) fn copy_to(&self, output: &mut Vec<u8>) {
        if let Content::Whole(body) = &self.content
            && let Some(bytes) = body.clone().into_inner()
        {
            output.extend_from_slice(&bytes);
        }
    }

    /// The same body, which waits up to `time` for a 100.
    pub(crate) fn gated(self, time: Duration) -> Self {
        let waits = !self.is_empty();
        Self {
            consent: waits.then(|| Box::new(Consent::new(time))),
            ..self
        }
    }

    /// Takes the gate that it waits at, if any.
    pub(crate) fn take_gate(&mut self) -> Option<Gate> {
        self.consent.as_mut()?.gate.take()
    }

    /// Shows when it has been taken; `None` if hyper takes it with the head.
    pub(crate) fn upload(&mut self) -> Option<Upload> {
        if self.is_whole() && self.consent.is_none() {
            return None;
        }
        let kept = self.kept.insert(Arc::new(()));
        Some(Upload(Arc::downgrade(kept)))
    }

    /// Whether it leaves with the head, because it is complete and fits into a socket's buffer.
    pub(crate) fn leaves_at_once(&self) -> bool {
        self.is_whole() && self.consent.is_none() && self.length() <= Some(AT_ONCE)
    }

    /// Whether it is in memory as a whole, and so has no trailers.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.content, Content::Whole(_))
    }

    /// Its length, if known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.size_hint().exact()
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(&self.content, Content::Whole(body) if body.is_end_stream())
    }
}

/// A body that is in memory as a whole.
fn whole<B: Body + 'static>(body: &mut B) -> Option<Full<Bytes>> {
    let body: &mut dyn Any = body;
    if let Some(text) = body.downcast_mut::<String>() {
        return Some(mem::take(text).into());
    }
    body.downcast_mut::<Full<Bytes>>().map(mem::take)
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item>> {
        if let Some(consent) = &mut self.consent {
            ready!(consent.poll(context));
            self.consent = None;
        }
        match &mut self.content {
            Content::Whole(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
            Content::Stream(body) => body.as_mut().poll_item(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(body) => body.is_end_stream(),
            Content::Stream(body) => body.is_at_end(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(body) => body.size_hint(),
            Content::Stream(body) => body.hint(),
        }
    }
}

/// Any body. The methods are those of [`Body`] under other names.
trait Stream: Send {
    fn poll_item(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item>>;

    fn is_at_end(&self) -> bool;

    fn hint(&self) -> SizeHint;
}

/// A part of a body.
pub(crate) type Item = Result<Frame<Bytes>, BoxError>;

impl<B> Stream for B
where
    B: Body + Send,
    B::Error: Into<BoxError>,
{
    fn poll_item(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item>> {
        let item = ready!(Body::poll_frame(self, context));
        Poll::Ready(item.map(|item| match item {
            Ok(frame) => Ok(frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))),
            Err(error) => Err(error.into()),
        }))
    }

    fn is_at_end(&self) -> bool {
        Body::is_end_stream(self)
    }

    fn hint(&self) -> SizeHint {
        Body::size_hint(self)
    }
}

/// Omits the content.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("length", &self.length())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
