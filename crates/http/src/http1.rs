//! One HTTP/1.1 connection.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use keepalive::{ConnectError, Connection, Unusable};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::connection::Unanswered;
use crate::connector::Options;
use crate::head::HeadLimits;
use crate::io::Shared;
use crate::keep_alive::KeepAlive;
use crate::outgoing::{BoxError, Outgoing};
use crate::resend::{Failure, is_of_user};

pub(crate) use bare::{Bare, handshake};
use heads::Heads;
pub(crate) use heads::PARSED;

/// An HTTP/1.1 connection, with one exchange at a time.
///
/// The peer can make it buffer at most 128 KiB of a body, or as much as the limit of a response's
/// head.
pub(crate) struct Http1<T> {
    /// `Some` until hyper's task has ended while a request was sent.
    sender: Option<SendRequest<Outgoing>>,
    task: JoinHandle<Result<(), hyper::Error>>,
    ended: bool,
    /// The error with which hyper's task ended.
    failure: Option<hyper::Error>,
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
        let (sender, task) = begun.await.map_err(failed)?;
        // We close the transport ourselves, through `poll_close`.
        transport.keep_open(true);
        // From here on, dropping the result closes the transport.
        let opened = Self {
            sender: Some(sender),
            task: runtime.spawn(task),
            ended: false,
            failure: None,
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
        poll_fn(|cx| self.poll_ended(cx)).await;
        Err(match self.failure.take() {
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
        let sender = self.sender.as_mut();
        let sender = sender.expect("a connection that has ended is not used again");
        let mut before = 0;
        // In a closure, so that the future needs no room for another request.
        let begun = || {
            let mut request = request();
            before = self.transport.begin(request.body_mut().take_gate());
            request
        };
        let mut response = pin!(sender.try_send_request(begun()));
        let response = poll_fn(|cx| {
            let polled = response.as_mut().poll(cx);
            if polled.is_ready() {
                return polled;
            }
            // A task that has ended has dropped its transport.
            ready!(self.poll_left(cx));
            ready!(self.poll_ended(cx));
            // A request sent just as the task ended may stay in its channel unread (tokio #8179).
            // Dropping the sender returns the request.
            self.sender = None;
            response.as_mut().poll(cx)
        });
        let mut response = response.await;
        if let Ok(response) = &mut response {
            self.transport.complete(response.headers_mut());
            self.keep_alive.hear(response.headers());
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

    /// The reason for a missing response; `before` bytes had arrived before the request.
    fn why(&self, before: u64, error: hyper::Error) -> BoxError {
        if let Some(refused) = self.transport.refused() {
            return refused.into();
        }
        let received = self.transport.received() - before;
        let excess = self
            .limits
            .and_then(|limits| limits.head_refused(&error, received));
        excess.map_or_else(|| error.into(), Into::into)
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

    /// Waits, after a response, until hyper is done with it. Returns whether the connection takes
    /// another request, and the peer has not announced otherwise.
    ///
    /// The end of a body is known a little earlier (H5). In between, hyper finds out whether the
    /// peer closes, or has sent more than it announced.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let ready = match &mut self.sender {
            Some(sender) => ready!(sender.poll_ready(cx)).is_ok(),
            None => false,
        };
        Poll::Ready(ready && self.keep_alive.begin())
    }

    /// Waits until the transport has no other user, or hyper's task has ended with it.
    pub(crate) fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.is_bare {
            true => self.poll_ended(cx),
            false => self.transport.poll_alone(cx),
        }
    }

    /// Waits for the end of hyper's task.
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.ended {
            let end = ready!(Pin::new(&mut self.task).poll(cx));
            self.ended = true;
            // The task itself fails only by being aborted, with the runtime it ran on.
            self.failure = end.unwrap_or(Ok(())).err();
        }
        Poll::Ready(())
    }
}

impl<T: Connection + AsyncRead + AsyncWrite + Unpin> Connection for Http1<T> {
    fn poll_unusable(&mut self, cx: &mut Context<'_>) -> Poll<Unusable> {
        // hyper's task notices its peer, but not a host name that lost an address.
        if let Poll::Ready(unusable) = self.transport.poll_retired(cx) {
            return Poll::Ready(unusable);
        }
        match self.keep_alive.poll_expired(&self.runtime, cx) {
            Poll::Ready(()) => Poll::Ready(Unusable::Expired),
            Poll::Pending => self.poll_ended(cx).map(|()| match &self.failure {
                Some(error) => reason(error),
                None => Unusable::Closed,
            }),
        }
    }

    fn check(&mut self) -> Result<(), Unusable> {
        let is_closed = self.sender.as_ref().is_none_or(SendRequest::is_closed);
        if self.task.is_finished() || is_closed {
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
            let idle = self.sender.take().is_none_or(|sender| sender.is_ready());
            if !idle {
                self.task.abort();
            }
            return self.poll_ended(cx);
        }
        self.task.abort();
        self.transport.poll_close(cx)
    }
}

/// Closes the connection at once, not gracefully.
impl<T> Drop for Http1<T> {
    fn drop(&mut self) {
        self.task.abort();
        self.transport.close_now();
    }
}

fn failed(error: impl Into<BoxError>) -> ConnectError {
    ConnectError::new("http", error)
}

/// The reason for an error of hyper's task while no request was waiting.
fn reason(error: &hyper::Error) -> Unusable {
    let cause = error.source().and_then(|cause| cause.downcast_ref());
    match cause.map(|cause: &io::Error| (cause.kind(), cause.raw_os_error())) {
        Some((_, Some(number))) => Unusable::Failed(io::Error::from_raw_os_error(number)),
        Some((kind, None)) => Unusable::Failed(kind.into()),
        None if error.is_incomplete_message() => Unusable::Closed,
        None => Unusable::UnexpectedData,
    }
}

mod bare;
mod heads;
#[cfg(test)]
mod tests;
