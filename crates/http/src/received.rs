//! The body of a response as its connection delivers it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, SizeHint};
use hyper::body::Incoming;

use crate::http1::Framing;
use crate::outgoing::Item;

/// The rest of a body: hyper's, or that of an exchange of our own, whose bytes the connection has.
#[derive(Debug)]
pub(crate) enum Received {
    Hyper(Incoming),
    Own(Framing),
}

impl Received {
    /// hyper's body. With hyper's own settings, hyper has all exchanges.
    #[cfg(feature = "legacy")]
    pub(crate) fn into_hyper(self) -> Incoming {
        match self {
            Self::Hyper(body) => body,
            Self::Own(_) => unreachable!("an exchange of our own under hyper's settings"),
        }
    }

    /// Reads a body of hyper's that another task drives.
    pub(crate) fn poll_alone(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        let Self::Hyper(body) = self else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    pub(crate) fn is_ended(&self) -> bool {
        match self {
            Self::Hyper(body) => body.is_end_stream(),
            Self::Own(framing) => framing.is_ended(),
        }
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Hyper(body) => body.size_hint(),
            Self::Own(framing) => framing.size_hint(),
        }
    }
}
