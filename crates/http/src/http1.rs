//! One HTTP/1.1 connection.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use http::{Method, Request, Response};
use hyper::client::conn::http1::Builder;
use hyper_util::rt::TokioIo;
use keepalive::{ConnectError, Connection, Unusable};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Handle, is_rt_shutdown_err};

use crate::connection::Unanswered;
use crate::connector::Options;
use crate::exchange::Exchange;
use crate::head::HeadLimits;
use crate::io::Shared;
use crate::keep_alive::KeepAlive;
use crate::outgoing::{BoxError, Item, Outgoing};
use crate::received::Received;
use crate::resend::{Failure, is_of_user};

pub(crate) use bare::{Bare, handshake};
use by_hyper::ByHyper;
use codec::Codec;
pub(crate) use codec::Framing;
use heads::Heads;
pub(crate) use heads::PARSED;

/// An HTTP/1.1 connection, with one exchange at a time.
///
/// The task of the exchange drives it, by our own [`Codec`] or by hyper. While it is idle, the
/// transport alone is watched.
///
/// The peer can make it buffer at most 128 KiB of a body, or as much as the limit of a response's
/// head.
pub(crate) struct Http1<T> {
    codec: Codec,
    /// Whether the codec has the current exchange.
    is_own: bool,
    /// `Some` from the first exchange by hyper.
    hyper: Option<ByHyper>,
    pub(crate) transport: Shared<T>,
    /// Whether hyper alone owns the stream within the transport.
    is_bare: bool,
    /// The limits on response heads and body trailers; `None` if hyper's settings replace ours.
    pub(crate) limits: Option<HeadLimits>,
    /// Whether hyper has all exchanges.
    hyper_only: bool,
    keep_alive: KeepAlive,
    runtime: Handle,
}

impl<T: Connection + AsyncRead + AsyncWrite + Unpin> Http1<T> {
    /// Starts HTTP on a new transport.
    ///
    /// With settings of the user, the transport may be the user's too, so this waits until hyper
    /// has tried it.
    pub(crate) async fn open(transport: T, options: &Options) -> Result<Self, ConnectError> {
        let runtime = Handle::try_current().map_err(failed)?;
        let transport = Shared::new(transport);
        let limits = options.limits();
        if let Some(limits) = limits {
            transport.inspect(Heads::new(limits));
        }
        // We close the transport ourselves, through `poll_close`.
        transport.keep_open(true);
        // From here on, dropping the result closes the transport.
        let mut opened = Self {
            codec: Codec::default(),
            is_own: false,
            hyper: None,
            transport,
            is_bare: false,
            limits,
            hyper_only: options.hyper_only || limits.is_none(),
            keep_alive: KeepAlive::default(),
            runtime,
        };
        let Some(settings) = options.settings.as_deref() else {
            return Ok(opened);
        };
        let builder = settings.one.clone();
        let bare: Option<&Bare<T>> = settings.bare.as_ref().and_then(|bare| bare.downcast_ref());
        let bare = bare.and_then(|bare| opened.transport.with(|io| bare(io, builder.clone()))?);
        opened.is_bare = bare.is_some();
        let io = || TokioIo::new(opened.transport.clone());
        let begun = bare.unwrap_or_else(|| handshake(builder, io()));
        opened.hyper = Some(ByHyper::begin(begun).await.map_err(failed)?);
        opened.tried().await
    }

    /// Waits until hyper takes a request, or has failed.
    async fn tried(mut self) -> Result<Self, ConnectError> {
        if poll_fn(|cx| self.poll_ready(cx)).await {
            return Ok(self);
        }
        Err(match poll_fn(|cx| self.poll_ended(cx)).await {
            Some(error) => failed(error),
            None => failed(Unusable::Closed.to_string()),
        })
    }

    /// Begins an exchange of our own, if it can carry this request. The body leaves with the head.
    pub(crate) fn begin(&mut self, exchange: &Exchange, body: &Outgoing) -> bool {
        self.is_own = !self.hyper_only
            && self
                .codec
                .begin(|head, is_old| exchange.write_head(body, is_old, head));
        if self.is_own {
            self.codec.append(body);
        }
        self.is_own
    }

    /// Sends the request that was [begun](Self::begin), and waits for the head of its response.
    ///
    /// If the future is dropped before it is ready, the connection must be closed.
    pub(crate) async fn respond(
        &mut self,
        method: &Method,
    ) -> Result<Response<Received>, Unanswered> {
        self.keep_alive.end();
        let before = self.transport.begin(None);
        self.codec.expect_after(before);
        let limits = self.limits.unwrap_or_default();
        let is_head = method == Method::HEAD;
        // Nothing has looked for early bytes on a new connection. They are no response (H3).
        if before == 0
            && let Err(unusable) = self.transport.check()
        {
            return Err(Unanswered::new(Failure::Unsent, unusable.to_string()));
        }
        let Self {
            codec, transport, ..
        } = self;
        let response = poll_fn(|cx| codec.poll_head(cx, transport, is_head, limits));
        match response.await {
            Ok(mut response) => {
                self.transport.complete(response.headers_mut());
                if self.codec.has_terms || !self.keep_alive.is_unheard() {
                    self.keep_alive.hear(response.headers());
                }
                Ok(response.map(Received::Own))
            }
            Err(error) => {
                let failure = match self.transport.received() > before {
                    true => Failure::Partial,
                    false if self.codec.has_left() => Failure::Silent,
                    false => Failure::Unsent,
                };
                Err(Unanswered::new(failure, named(error)))
            }
        }
    }

    /// Sends a request by hyper, and waits for the head of its response.
    ///
    /// If the future is dropped before it is ready, the connection must be closed.
    pub(crate) async fn send(
        &mut self,
        request: impl FnOnce() -> Request<Outgoing>,
    ) -> Result<Response<Received>, Unanswered> {
        self.keep_alive.end();
        let mut before = 0;
        let begun = || {
            let mut request = request();
            let body = request.body_mut();
            let upload = body.upload();
            before = self.transport.begin(body.take_gate());
            (request, upload)
        };
        let hyper = match &mut self.hyper {
            Some(hyper) => hyper,
            none => {
                let begun = begin_hyper(&self.transport, self.limits).await;
                let hyper = begun.map_err(|error| Unanswered::new(Failure::Silent, error))?;
                none.insert(hyper)
            }
        };
        let response = hyper.send(begun, &self.transport, &self.runtime).await;
        match response {
            Ok(mut response) => {
                self.transport.complete(response.headers_mut());
                self.keep_alive.hear(response.headers());
                Ok(response.map(Received::Hyper))
            }
            Err(mut failed) => Err(if let Some(request) = failed.take_message() {
                Unanswered::unsent(failed.into_error().into(), request.into_body())
            } else {
                let error = failed.into_error();
                let failure = match self.has_answered(before, &error) {
                    _ if is_of_user(&error) => Failure::User,
                    true => Failure::Partial,
                    false => Failure::Silent,
                };
                Unanswered::new(failure, self.why(before, error))
            }),
        }
    }

    /// The reason for a missing response; `before` bytes had arrived before the request.
    fn why(&self, before: u64, error: hyper::Error) -> BoxError {
        if let Some(refused) = self.transport.refused() {
            return refused.into();
        }
        let received = self.transport.received() - before;
        let excess = self
            .limits
            .and_then(|limits| limits.head_refused(&error, received));
        excess.map_or_else(|| named(error.into()), Into::into)
    }

    /// Whether any byte of a response has arrived; `before` bytes had arrived before the request.
    ///
    /// Bytes that hyper reads from a bare stream are not counted. A truncated head then counts as
    /// no response: hyper reports both in the same way.
    fn has_answered(&self, before: u64, error: &hyper::Error) -> bool {
        match self.is_bare {
            true => error.is_parse(),
            false => self.transport.received() > before,
        }
    }

    /// Reads the body of a response.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Received,
    ) -> Poll<Option<Item>> {
        match (body, &mut self.hyper) {
            (Received::Own(framing), _) => {
                let limits = self.limits.unwrap_or_default();
                self.codec
                    .poll_frame(cx, &mut self.transport, framing, limits)
            }
            (Received::Hyper(body), Some(hyper)) => {
                let frame = ready!(hyper.poll_frame(cx, body));
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            (Received::Hyper(_), None) => Poll::Ready(None),
        }
    }

    /// Waits, after a response, until the connection takes another request. Returns false if it
    /// never will, or the peer has announced that.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let is_ready = match &mut self.hyper {
            Some(hyper) if !self.is_own => ready!(hyper.poll_ready(cx)),
            _ => ready!(self.codec.poll_ready(cx, &mut self.transport)),
        };
        Poll::Ready(is_ready && self.keep_alive.begin())
    }

    /// Drives the connection until hyper has let go of it; the error if it failed.
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<hyper::Error>> {
        let Some(hyper) = &mut self.hyper else {
            return Poll::Ready(None);
        };
        ready!(hyper.drive.poll(cx));
        Poll::Ready(hyper.drive.take_failure())
    }

    /// Drives the connection until it has ended, or the transport has no other user.
    pub(crate) fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.poll_ended(cx));
        match self.is_bare {
            true => Poll::Ready(()),
            false => self.transport.poll_alone(cx),
        }
    }
}

/// Starts HTTP by hyper on a transport with these limits.
async fn begin_hyper<T>(
    transport: &Shared<T>,
    limits: Option<HeadLimits>,
) -> Result<ByHyper, hyper::Error>
where
    T: Connection + AsyncRead + AsyncWrite + Unpin,
{
    let mut builder = Builder::new();
    if let Some(limits) = limits {
        limits.set_one(&mut builder);
    }
    ByHyper::begin(handshake(builder, TokioIo::new(transport.clone()))).await
}

impl<T: Connection + AsyncRead + AsyncWrite + Unpin> Connection for Http1<T> {
    fn poll_unusable(&mut self, cx: &mut Context<'_>) -> Poll<Unusable> {
        if self.keep_alive.poll_expired(&self.runtime, cx).is_ready() {
            return Poll::Ready(Unusable::Expired);
        }
        if !self.is_bare {
            return self.transport.poll_unusable(cx);
        }
        // Only hyper can read a bare stream.
        let failure = ready!(self.poll_ended(cx));
        Poll::Ready(failure.map_or(Unusable::Closed, |error| reason(&error)))
    }

    fn check(&mut self) -> Result<(), Unusable> {
        if self.hyper.as_ref().is_some_and(ByHyper::is_ended) {
            return Err(Unusable::Closed);
        }
        if self.keep_alive.is_expired() {
            return Err(Unusable::Expired);
        }
        self.transport.check()
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.hyper {
            Some(hyper) if self.is_bare => return hyper.poll_close(cx),
            Some(hyper) => hyper.drive.end(),
            None => {}
        }
        self.transport.poll_close(cx)
    }
}

/// Closes the connection at once, not gracefully.
impl<T> Drop for Http1<T> {
    fn drop(&mut self) {
        self.transport.close_now();
    }
}

fn failed(error: impl Into<BoxError>) -> ConnectError {
    ConnectError::new("http", error)
}

/// The reason for an error of hyper's half while no request was waiting.
fn reason(error: &hyper::Error) -> Unusable {
    match io_error(error).map(|cause| (cause.kind(), cause.raw_os_error())) {
        Some((_, Some(number))) => Unusable::Failed(io::Error::from_raw_os_error(number)),
        Some((kind, None)) => Unusable::Failed(kind.into()),
        None if error.is_incomplete_message() => Unusable::Closed,
        None => Unusable::UnexpectedData,
    }
}

fn io_error(error: &hyper::Error) -> Option<&io::Error> {
    error.source()?.downcast_ref()
}

/// Names the end of a runtime.
fn named(error: BoxError) -> BoxError {
    let cause = error
        .downcast_ref()
        .or_else(|| error.source()?.downcast_ref());
    match cause.is_some_and(is_rt_shutdown_err) {
        true => "the runtime of the connection has ended".into(),
        false => error,
    }
}

mod bare;
mod by_hyper;
mod codec;
mod drive;
mod heads;
#[cfg(test)]
mod tests;
