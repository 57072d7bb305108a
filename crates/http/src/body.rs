//! The body of a response; it holds its connection.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Frame, SizeHint};
use hyper::body::Bytes;
use keepalive::NetConnector;

use crate::deadlines::Timer;
use crate::error::Tried;
use crate::head::{HeadLimits, Part};
use crate::hold::Hold;
use crate::outgoing::BoxError;
use crate::received::Received;
use crate::rest::Rest;
use crate::{Allocation, Error, StreamConnector};

/// The body of a response.
///
/// It holds the connection. When the end has been read, the body returns the connection before it
/// returns the end, so that the next request can use it. The end of a body of known length is its
/// last byte. An empty body has already returned its connection. If the response ends before the
/// request's own body, the connection is returned once that body is sent. It is closed if that
/// takes more than a second.
///
/// If the body is dropped before its end, a task reads the rest if it is small and arrives soon,
/// see [`Client::rest`](crate::Client::rest). Otherwise, and after an error, the connection is
/// closed. In HTTP/2 the stream is reset, and other streams go on.
///
/// Read it with [`http_body_util::BodyExt`], for example.
///
/// # Cancel safety
///
/// Reading is cancel safe: the next read returns data that was not returned yet.
///
/// # Errors
///
/// An [`Error`] whose [`function`](Error::function) is `"body"`, if the peer closes the connection
/// before the end, sends invalid HTTP, or is late ([`Deadlines`](crate::Deadlines)). The body
/// yields nothing more after an error.
#[must_use = "the connection may be closed if the body is dropped before its end"]
pub struct Body<C: StreamConnector = NetConnector> {
    /// `Some` until the body is dropped or given up.
    pub(crate) incoming: Option<Received>,
    pub(crate) ended: bool,
    // Already read; returned after the connection is.
    pub(crate) last: Option<Frame<Bytes>>,
    pub(crate) hold: Hold<C>,
    pub(crate) allocation: Allocation,
    pub(crate) rest: Rest,
    pub(crate) tried: Tried,
    /// `Some` if the exchange has deadlines.
    pub(crate) timer: Option<Box<Timer>>,
}

impl<C: StreamConnector> Body<C> {
    /// How the client got the connection of the response.
    ///
    /// A layer that replaces the body can keep it among the extensions of the response.
    pub fn allocation(&self) -> &Allocation {
        &self.allocation
    }

    /// Returns the connection if the body has ended; otherwise does not wait for data.
    pub(crate) fn poll_settle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.ended {
            self.hold.poll_free(cx)
        } else {
            Poll::Ready(())
        }
    }

    /// Reads from the connection, and records the end.
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let incoming = self.incoming.as_mut().expect(HERE);
        if let Some(late) = self.timer.as_ref().and_then(|timer| timer.expired()) {
            return Poll::Ready(Some(Err(self.give_up(late))));
        }
        let item = self.hold.poll_frame(cx, incoming);
        if let Some(timer) = &mut self.timer {
            match item.is_ready() {
                true => timer.disarm(),
                false => {
                    let late = ready!(timer.poll_late(cx));
                    return Poll::Ready(Some(Err(self.give_up(late))));
                }
            }
        }
        let item = ready!(item);
        let item = item.map(|item| match item {
            Ok(frame) if frame.is_data() => Ok(frame),
            item => within(self.hold.limits(), item),
        });
        match &item {
            Some(Ok(frame)) => self.ended = frame.is_trailers() || incoming.is_ended(),
            // hyper treats a reset with `NO_ERROR` as the end, but a real end has END_STREAM (RFC
            // 9113, section 8.1).
            None if self.hold.is_shared() && !incoming.is_ended() => {
                let what = "the server reset the stream before the end of the response";
                return Poll::Ready(Some(Err(self.give_up(what))));
            }
            None => self.ended = true,
            Some(Err(_)) => {
                self.ended = true;
                self.hold.break_off();
            }
        }
        Poll::Ready(
            item.map(|frame| frame.map_err(|error| self.tried.clone().failed("body", error))),
        )
    }

    /// Ends the exchange before the end of the body. Dropping hyper's body resets the stream.
    fn give_up(&mut self, why: impl Into<BoxError>) -> Error {
        self.ended = true;
        self.incoming = None;
        self.hold.break_off();
        self.tried.clone().failed("body", why)
    }
}

impl<C: StreamConnector> http_body::Body for Body<C> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        if !this.ended {
            match ready!(this.poll_incoming(cx)) {
                Some(Ok(frame)) if this.ended => this.last = Some(frame),
                None => {}
                item => return Poll::Ready(item),
            }
        }
        ready!(this.hold.poll_free(cx));
        Poll::Ready(this.last.take().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.last.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.last.as_ref().map(Frame::data_ref) {
            Some(data) => SizeHint::with_exact(data.map_or(0, |data| data.len() as u64)),
            None => match &self.incoming {
                Some(incoming) => incoming.size_hint(),
                None => SizeHint::with_exact(0),
            },
        }
    }
}

/// Checks the size of trailers.
fn within(
    limits: Option<HeadLimits>,
    item: Result<Frame<Bytes>, BoxError>,
) -> Result<Frame<Bytes>, BoxError> {
    let Some(limits) = limits else {
        return item;
    };
    let frame = item.map_err(|error| {
        let refused = error
            .downcast_ref()
            .map(|error| limits.trailers_refused(error));
        refused.flatten().map_or(error, Into::into)
    })?;
    if let Some(trailers) = frame.trailers_ref() {
        limits.check(Part::Trailers, trailers)?;
    }
    Ok(frame)
}

const HERE: &str = "a body has its source until it has ended";

impl<C: StreamConnector> Drop for Body<C> {
    fn drop(&mut self) {
        let hold = self.hold.take();
        if let Some(incoming) = self.incoming.take().filter(|_| !self.ended) {
            // Dropping hyper's body resets an unfinished stream before its place on the connection
            // is returned.
            self.rest.read(incoming, hold);
        }
    }
}

impl<C: StreamConnector> fmt::Debug for Body<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("host", &self.tried.host)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
