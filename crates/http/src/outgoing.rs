//! The body of a request, of any type.

use std::any::Any;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::{Buf, Bytes};

pub(crate) use self::gated::Gate;
use self::gated::Gated;

mod gated;

/// Less than the send buffer of a socket on any system.
const AT_ONCE: u64 = 16 * 1024;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request. Its type is erased, so that one manager serves all body types.
pub(crate) struct Outgoing(Kind);

enum Kind {
    Whole(Full<Bytes>),
    Stream(Pin<Box<dyn Stream>>),
    Gated(Box<Gated>),
}

impl Outgoing {
    pub(crate) fn new<B>(mut body: B) -> Self
    where
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if body.is_end_stream() {
            return Self(Kind::Whole(Full::default()));
        }
        if let Some(whole) = whole(&mut body) {
            return Self(Kind::Whole(whole));
        }
        Self(Kind::Stream(Box::pin(body)))
    }

    /// A copy of the body, if it is in memory as a whole.
    pub(crate) fn again(&self) -> Option<Self> {
        match &self.0 {
            Kind::Whole(body) => Some(Self(Kind::Whole(body.clone()))),
            Kind::Stream(_) => None,
            Kind::Gated(gated) => gated.body.again(),
        }
    }

    /// The same body, which waits up to `time` for a 100.
    pub(crate) fn gated(self, time: Duration) -> Self {
        match self.0 {
            _ if self.is_empty() => self,
            Kind::Gated(gated) => gated.body.gated(time),
            _ => Self(Kind::Gated(Box::new(Gated {
                body: self,
                gate: Arc::default(),
                time,
                timer: None,
            }))),
        }
    }

    /// The gate that it waits at, if any.
    pub(crate) fn gate(&self) -> Option<Arc<Gate>> {
        match &self.0 {
            Kind::Gated(gated) => Some(Arc::clone(&gated.gate)),
            _ => None,
        }
    }

    /// Whether it leaves with the head, because it is complete and fits into a socket's buffer.
    pub(crate) fn leaves_at_once(&self) -> bool {
        matches!(self.0, Kind::Whole(_)) && self.length() <= Some(AT_ONCE)
    }

    /// Whether it is in memory as a whole, and so has no trailers.
    pub(crate) fn is_whole(&self) -> bool {
        match &self.0 {
            Kind::Whole(_) => true,
            Kind::Stream(_) => false,
            Kind::Gated(gated) => gated.body.is_whole(),
        }
    }

    /// Its length, if known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.size_hint().exact()
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(&self.0, Kind::Whole(body) if body.is_end_stream())
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
        match &mut self.0 {
            Kind::Whole(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
            Kind::Stream(body) => body.as_mut().poll_item(context),
            Kind::Gated(gated) => {
                ready!(gated.poll_open(context));
                Pin::new(&mut gated.body).poll_frame(context)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(body) => body.is_end_stream(),
            Kind::Stream(body) => body.is_at_end(),
            Kind::Gated(gated) => gated.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(body) => body.size_hint(),
            Kind::Stream(body) => body.hint(),
            Kind::Gated(gated) => gated.body.size_hint(),
        }
    }
}

/// Any body. The methods are those of [`Body`] under other names.
trait Stream: Send {
    fn poll_item(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item>>;

    fn is_at_end(&self) -> bool;

    fn hint(&self) -> SizeHint;
}

type Item = Result<Frame<Bytes>, BoxError>;

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
