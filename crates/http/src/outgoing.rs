//! The body of a request, of whatever kind the user has.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::body::{Buf, Bytes};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request. Its type is forgotten, so that one manager serves them all.
pub(crate) struct Outgoing(Kind);

enum Kind {
    Empty,
    Whole(Bytes),
    Stream(Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>),
}

impl Outgoing {
    pub(crate) fn new<B>(mut body: B) -> Self
    where
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if body.is_end_stream() {
            return Self(Kind::Empty);
        }
        if let Some(whole) = whole(&mut body) {
            return Self(Kind::Whole(whole));
        }
        let body =
            body.map_frame(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining())));
        Self(Kind::Stream(Box::pin(body.map_err(Into::into))))
    }

    /// The same body once more, if it can be had twice: one that was there as a whole.
    pub(crate) fn again(&self) -> Option<Self> {
        match &self.0 {
            Kind::Empty => Some(Self(Kind::Empty)),
            Kind::Whole(bytes) => Some(Self(Kind::Whole(bytes.clone()))),
            Kind::Stream(_) => None,
        }
    }

    /// Whether it is there as a whole.
    #[cfg(feature = "legacy")]
    pub(crate) fn is_whole(&self) -> bool {
        !matches!(self.0, Kind::Stream(_))
    }

    /// How long it is, if that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.size_hint().exact()
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.0, Kind::Empty)
    }
}

/// What is in a body that is there as a whole.
fn whole<B: Body + 'static>(body: &mut B) -> Option<Bytes> {
    let body: &mut dyn Any = body;
    if let Some(text) = body.downcast_mut::<String>() {
        return Some(std::mem::take(text).into());
    }
    let full = body.downcast_mut::<Full<Bytes>>()?;
    match Pin::new(full).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
        _ => None,
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        match &mut this.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                this.0 = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Kind::Stream(body) => body.as_mut().poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Whole(_) => false,
            Kind::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Stream(body) => body.size_hint(),
        }
    }
}

/// Says nothing of what is in it.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("length", &self.length())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Empty;

    use super::*;

    #[test]
    fn a_body_that_is_there_as_a_whole_can_be_had_twice() {
        let text = Outgoing::new("text".to_owned());
        let bytes = Outgoing::new(Full::new(Bytes::from_static(b"bytes")));
        let nothing = Outgoing::new(Empty::<Bytes>::new());
        for (body, length) in [(text, 4), (bytes, 5), (nothing, 0)] {
            assert_eq!(body.length(), Some(length));
            let again = body.again().expect("a second");
            assert_eq!(again.length(), Some(length));
        }
    }

    #[test]
    fn one_that_comes_piece_by_piece_can_not() {
        let body = Full::new(Bytes::from_static(b"bytes")).map_err(|never| match never {});
        let body = body.map_frame(|frame| frame);
        assert!(Outgoing::new(body).again().is_none());
    }
}
