//! The bodies of requests.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::{Body, Frame};
use hyper::body::Bytes;
use keepalive_http::{Client, Error, StreamConnector};

/// The body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upload {
    Nothing,
    /// A body that is there as a whole, and can be sent twice.
    Whole,
    /// One that comes piece by piece, each a turn of the event loop after the last.
    Pieces,
}

const TEXT: &str = "a text that takes several pieces to send";
const PIECE: usize = 9;

impl Upload {
    pub(crate) const ALL: [Self; 3] = [Self::Nothing, Self::Whole, Self::Pieces];

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Whole | Self::Pieces => TEXT,
        }
    }

    pub(crate) async fn send<C: StreamConnector>(
        self,
        client: &Client<C>,
        path: &str,
    ) -> Result<Response<keepalive_http::Body<C>>, Error> {
        let put = Request::put(format!("http://127.0.0.1:80{path}"));
        let whole = put.body(self.text().to_owned()).expect("a request");
        match self {
            Self::Nothing => client.get(whole.uri().clone()).await,
            Self::Whole => client.request(whole).await,
            Self::Pieces => client.request(whole.map(|_| Pieces::default())).await,
        }
    }
}

#[derive(Default)]
struct Pieces {
    sent: usize,
    turns: usize,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.turns += 1;
        if self.turns % 2 == 1 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let rest = &TEXT[self.sent..];
        let piece = &rest[..rest.len().min(PIECE)];
        self.sent += piece.len();
        let frame = (!piece.is_empty()).then(|| Frame::data(Bytes::from_static(piece.as_bytes())));
        Poll::Ready(frame.map(Ok))
    }
}
