//! One HTTP/1.1 connection.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::{Body, Frame};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use keepalive::{ConnectError, Connection, Unusable};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Handle, is_rt_shutdown_err};
use tokio::task::unconstrained;

use crate::connection::Unanswered;
use crate::connector::Options;
use crate::head::HeadLimits;
use crate::io::Shared;
use crate::keep_alive::KeepAlive;
use crate::outgoing::{BoxError, Outgoing, Upload};
use crate::resend::{Failure, is_of_user};

pub(crate) use bare::{Bare, handshake};
use drive::Drive;
use heads::Heads;
pub(crate) use heads::PARSED;

/// An HTTP/1.1 connection, with one exchange at a time.
///
/// The task of the exchange drives it. While it is idle, the transport alone is watched.
///
/// The peer can make it buffer at most 128 KiB of a body, or as much as the limit of a response's
/// head.
pub(crate) struct Http1<T> {
    /// `Some` until the connection is closed.
    sender: Option<SendRequest<Outgoing>>,
    drive: Drive,
    pub(crate) transport: Shared<T>,
    /// Whether hyper alone owns the stream within the transport.
    is_bare: bool,
    /// The limits on response heads and body trailers; `None` if hyper's settings replace ours.
    pub(crate) limits: Option<HeadLimits>,
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
        let settings = options.settings.as_deref();
        let mut builder = settings.map_or_else(Builder::new, |settings| settings.one.clone());
        let limits = options.limits();
        if let Some(limits) = limits {
            limits.set_one(&mut builder);
            transport.inspect(Heads::new(limits));
        }
        let bare = settings.and_then(|settings| settings.bare.as_ref()?.downcast_ref::<Bare<T>>());
        let bare = bare.and_then(|bare| transport.with(|inner| bare(inner, builder.clone()))?);
        let is_bare = bare.is_some();
        let begun = bare.unwrap_or_else(|| handshake(builder, TokioIo::new(transport.clone())));
        let (sender, half) = begun.await.map_err(failed)?;
        // We close the transport ourselves, through `poll_close`.
        transport.keep_open(true);
        // From here on, dropping the result closes the transport.
        let opened = Self {
            sender: Some(sender),
            drive: Drive::new(half),
            transport,
            is_bare,
            limits,
            keep_alive: KeepAlive::default(),
            runtime,
        };
        match settings {
            Some(_) => opened.tried().await,
            None => Ok(opened),
        }
    }

    /// Waits until hyper takes a request, or has failed.
    async fn tried(mut self) -> Result<Self, ConnectError> {
        if poll_fn(|cx| self.poll_ready(cx)).await {
            return Ok(self);
        }
        poll_fn(|cx| self.drive.poll(cx)).await;
        Err(match self.drive.take_failure() {
            Some(error) => failed(error),
            None => failed(Unusable::Closed.to_string()),
        })
    }

    /// Sends a request and waits for the head of its response.
    ///
    /// If the future is dropped before it is ready, the connection must be closed.
    pub(crate) async fn send(
        &mut self,
        request: impl FnOnce() -> Request<Outgoing>,
    ) -> Result<Response<Incoming>, Unanswered> {
        self.keep_alive.end();
        let mut before = 0;
        let mut upload = None;
        // In a closure, so that the future needs no room for another request.
        let begun = || {
            let mut request = request();
            let body = request.body_mut();
            upload = body.upload();
            before = self.transport.begin(body.take_gate());
            request
        };
        let sender = self.sender.as_mut();
        let sender = sender.expect("a closed connection is not used again");
        self.drive.disarm();
        // Without a waker (`Drive::poll_both`), a budget that is used up must not stop it.
        let mut response = pin!(unconstrained(sender.try_send_request(begun())));
        if upload.is_some() && Handle::try_current().is_err() {
            // The user's body may need a runtime.
            self.go_on_sending(upload.take());
        }
        let response = poll_fn(|cx| self.drive.poll_then(cx, |cx| response.as_mut().poll(cx)));
        let mut response = response.await;
        if let Ok(response) = &mut response {
            self.transport.complete(response.headers_mut());
            self.keep_alive.hear(response.headers());
            self.go_on_sending(upload);
        }
        response.map_err(|mut failed| {
            if let Some(request) = failed.take_message() {
                let error = failed.into_error().into();
                return Unanswered::unsent(error, request.into_body());
            }
            let error = failed.into_error();
            let failure = match self.has_answered(before, &error) {
                _ if is_of_user(&error) => Failure::User,
                true => Failure::Partial,
                false => Failure::Silent,
            };
            Unanswered::new(failure, self.why(before, error))
        })
    }

    /// Has a task go on with a request that is not sent as a whole.
    fn go_on_sending(&mut self, upload: Option<Upload>) {
        let is_sent = move |transport: &Shared<T>| {
            upload.as_ref().is_none_or(Upload::is_taken) && !transport.is_write_pending()
        };
        if !is_sent(&self.transport) {
            let transport = self.transport.clone();
            let is_sent = move || is_sent(&transport);
            self.drive.send_away(&self.runtime, is_sent);
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
        match (excess, io_error(&error)) {
            (Some(excess), _) => excess.into(),
            (None, Some(error)) if is_rt_shutdown_err(error) => {
                "the runtime of the connection has ended".into()
            }
            (None, _) => error.into(),
        }
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
        body: &mut Incoming,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        self.drive
            .poll_both(cx, |cx| Pin::new(&mut *body).poll_frame(cx))
    }

    /// Waits, after a response, until hyper is done with it. Returns whether the connection takes
    /// another request, and the peer has not announced otherwise.
    ///
    /// The end of a body is known a little earlier (H5). In between, hyper finds out whether the
    /// peer closes, or has sent more than it announced.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let Some(sender) = &mut self.sender else {
            return Poll::Ready(false);
        };
        let ready = ready!(self.drive.poll_both(cx, |cx| sender.poll_ready(cx)));
        if ready.is_err() {
            return Poll::Ready(false);
        }
        ready!(self.drive.poll_back(cx));
        Poll::Ready(!self.drive.is_ended() && self.keep_alive.begin())
    }

    /// Drives the connection until it has ended, or the transport has no other user.
    pub(crate) fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.drive.poll(cx));
        match self.is_bare {
            true => Poll::Ready(()),
            false => self.transport.poll_alone(cx),
        }
    }
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
        ready!(self.drive.poll(cx));
        Poll::Ready(match self.drive.take_failure() {
            Some(error) => reason(&error),
            None => Unusable::Closed,
        })
    }

    fn check(&mut self) -> Result<(), Unusable> {
        let is_closed = self.sender.as_ref().is_none_or(SendRequest::is_closed);
        if is_closed || self.drive.is_ended() {
            return Err(Unusable::Closed);
        }
        if self.keep_alive.is_expired() {
            return Err(Unusable::Expired);
        }
        self.transport.check()
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_bare {
            // hyper closes an idle connection gracefully once its sender is dropped.
            if !self.sender.take().is_none_or(|sender| sender.is_ready()) {
                self.drive.end();
            }
            return self.drive.poll(cx);
        }
        self.drive.end();
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

mod bare;
mod drive;
mod heads;
#[cfg(test)]
mod tests;
