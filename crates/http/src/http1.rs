//! One connection that speaks HTTP/1.1.

use std::error::Error;
use std::fmt;
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
use crate::head::HeadLimits;
use crate::io::Shared;
use crate::keep_alive::KeepAlive;
use crate::outgoing::{BoxError, Outgoing};
use crate::resend::{Failure, is_of_user};
use crate::settings::Settings;

#[cfg(feature = "legacy")]
pub(crate) use bare::{Bare, Handshake, handshake};

/// A connection that speaks HTTP/1.1, one exchange at a time.
///
/// hyper's side of it is a task, which reads also while the connection is idle and so notices
/// within one turn of the event loop that the peer closes it or sends what nobody asked for. The
/// transport stays within reach: [`check`](Connection::check) asks the system about it, and closing
/// or dropping the connection takes it away from the task, so that the socket is closed before the
/// connection is gone.
///
/// The peer can make it hold at most 128 KiB of a body, or as much as a response's head may have.
pub(crate) struct Http1<T>
where
    T: Connection + AsyncRead + AsyncWrite + Unpin,
{
    /// There until hyper's task has ended while a request was sent.
    sender: Option<SendRequest<Outgoing>>,
    task: JoinHandle<Result<(), hyper::Error>>,
    ended: bool,
    /// What hyper's task ended with.
    failure: Option<hyper::Error>,
    shared: Shared<T>,
    /// Whether hyper has the stream within the transport, and nobody else.
    is_bare: bool,
    limits: Option<HeadLimits>,
    keep_alive: KeepAlive,
    runtime: Handle,
    closing: Option<T>,
}

impl<T> Http1<T>
where
    T: Connection + AsyncRead + AsyncWrite + Unpin,
{
    /// Begins to speak HTTP on a new transport, within these limits, with these settings or hyper's.
    ///
    /// With settings of the user's, who may have brought the transport too, it waits for hyper to
    /// have tried it.
    pub(crate) async fn open(
        transport: T,
        limits: Option<HeadLimits>,
        settings: Option<&Settings>,
    ) -> Result<Self, ConnectError> {
        let runtime = Handle::try_current().map_err(|error| ConnectError::new("http", error))?;
        let shared = Shared::new(transport);
        let mut builder = settings.map_or_else(Builder::new, |settings| settings.one.clone());
        if let Some(limits) = limits {
            limits.set_one(&mut builder);
            shared.count(limits.interim_of_one());
        }
        #[cfg(feature = "legacy")]
        if let Some(bare) = settings.and_then(Settings::bare::<T>)
            && let Some(Some(begun)) = shared.change(|transport| bare(transport, builder.clone()))
        {
            let (sender, task) = begun.await.map_err(failed)?;
            let task = runtime.spawn(task);
            return Self::new(sender, task, shared, true, runtime).tried().await;
        }
        let begun = builder.handshake(TokioIo::new(shared.clone())).await;
        let (sender, connection) = begun.map_err(failed)?;
        // The transport is closed by us, through `poll_close`.
        shared.keep_open(true);
        // From here on the transport is closed with what is returned.
        let task = runtime.spawn(connection.with_upgrades());
        let mut opened = Self::new(sender, task, shared, false, runtime);
        opened.limits = limits;
        match settings {
            Some(_) => opened.tried().await,
            None => Ok(opened),
        }
    }

    fn new(
        sender: SendRequest<Outgoing>,
        task: JoinHandle<Result<(), hyper::Error>>,
        shared: Shared<T>,
        is_bare: bool,
        runtime: Handle,
    ) -> Self {
        Self {
            sender: Some(sender),
            task,
            ended: false,
            failure: None,
            shared,
            is_bare,
            limits: None,
            keep_alive: KeepAlive::default(),
            runtime,
            closing: None,
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
        // In a closure, so that the future has no place for another.
        let begun = || {
            let request = request();
            before = self.shared.begin(request.body().gate());
            request
        };
        let mut response = pin!(sender.try_send_request(begun()));
        let response = poll_fn(|cx| {
            let polled = response.as_mut().poll(cx);
            if polled.is_ready() {
                return polled;
            }
            ready!(self.poll_ended(cx));
            // A request that met the end of the task may lie in its channel, where nobody will look
            // (tokio #8179). Without the channel's other end, it comes back.
            self.sender = None;
            response.as_mut().poll(cx)
        });
        let response = response.await;
        if let Ok(response) = &response {
            self.keep_alive.hear(response.headers());
        }
        response.map_err(|mut failed| {
            if let Some(request) = failed.take_message() {
                let error = failed.into_error().into();
                return Unanswered::unsent(error, request.into_body());
            }
            let error = failed.into_error();
            Unanswered {
                failure: match self.has_answered(before, &error) {
                    _ if is_of_user(&error) => Failure::User,
                    true => Failure::Partial,
                    false => Failure::Silent,
                },
                // Nothing but its end keeps a response away.
                ended: true,
                unsent: None,
                error: self.why(before, error),
            }
        })
    }

    /// Why there is no response, after this many bytes before it.
    fn why(&self, before: u64, error: hyper::Error) -> BoxError {
        if let Some(flooded) = self.shared.flooded() {
            return flooded.into();
        }
        let received = self.shared.received() - before;
        let excess = self
            .limits
            .and_then(|limits| limits.head_refused(&error, received));
        excess.map_or_else(|| error.into(), Into::into)
    }

    /// What the head of a response, and the trailers of a body, may cost, if that is ours to say.
    pub(crate) fn limits(&self) -> Option<HeadLimits> {
        self.limits
    }

    /// Whether any byte of an answer has come, after this many bytes before it.
    ///
    /// Nobody counts what hyper reads for itself. A head that was cut short is then as none: what
    /// hyper says of both is the same.
    fn has_answered(&self, before: u64, error: &hyper::Error) -> bool {
        match self.is_bare {
            true => error.is_parse(),
            false => self.shared.received() > before,
        }
    }

    /// What can be said of the transport, while it is there.
    #[cfg(feature = "legacy")]
    pub(crate) fn with_transport<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.shared.look(look)
    }

    /// Waits, after a response, until hyper is done with it; whether it takes another request then,
    /// and the peer has not said that it will not.
    ///
    /// The end of a body is known a little before that (H5). In between hyper finds out whether
    /// the peer closes, or has sent more than it announced.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let ready = match &mut self.sender {
            Some(sender) => ready!(sender.poll_ready(cx)).is_ok(),
            None => false,
        };
        Poll::Ready(ready && self.keep_alive.begin())
    }

    /// The peer speaks another protocol from now on, and the transport is with whoever took it from
    /// the response.
    pub(crate) fn upgraded(&mut self) {
        self.shared.keep_open(false);
    }

    /// Waits until nobody has the transport any more, or it is no longer ours.
    pub(crate) fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.is_bare {
            true => self.poll_ended(cx),
            false => self.shared.poll_alone(cx),
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

    fn is_closed(&self) -> bool {
        self.sender.as_ref().is_none_or(SendRequest::is_closed)
    }
}

impl<T> Connection for Http1<T>
where
    T: Connection + AsyncRead + AsyncWrite + Unpin,
{
    fn poll_unusable(&mut self, cx: &mut Context<'_>) -> Poll<Unusable> {
        // hyper's task hears of its peer, but not of a name that has lost an address.
        if let Poll::Ready(unusable) = self.shared.poll_retired(cx) {
            return Poll::Ready(unusable);
        }
        match self.keep_alive.poll_over(&self.runtime, cx) {
            Poll::Ready(()) => Poll::Ready(Unusable::Expired),
            Poll::Pending => self.poll_ended(cx).map(|()| match &self.failure {
                Some(error) => reason(error),
                None => Unusable::Closed,
            }),
        }
    }

    fn check(&mut self) -> Result<(), Unusable> {
        if self.task.is_finished() || self.is_closed() {
            return Err(Unusable::Closed);
        }
        if self.keep_alive.is_over() {
            return Err(Unusable::Expired);
        }
        self.shared.check()
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_bare {
            // hyper ends an idle connection in order when nobody is left to send.
            let idle = self.sender.take().is_none_or(|sender| sender.is_ready());
            if !idle {
                self.task.abort();
            }
            return self.poll_ended(cx);
        }
        self.task.abort();
        if let Some(transport) = self.shared.take() {
            self.closing = Some(transport);
        }
        if let Some(transport) = &mut self.closing {
            ready!(transport.poll_close(cx));
            self.closing = None;
        }
        Poll::Ready(())
    }
}

/// Closes the connection at once, without ceremony.
impl<T> Drop for Http1<T>
where
    T: Connection + AsyncRead + AsyncWrite + Unpin,
{
    fn drop(&mut self) {
        self.task.abort();
        drop(self.shared.take());
    }
}

impl<T> fmt::Debug for Http1<T>
where
    T: Connection + AsyncRead + AsyncWrite + Unpin,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http1")
            .field("closed", &self.is_closed())
            .field(
                "ready",
                &self.sender.as_ref().is_some_and(SendRequest::is_ready),
            )
            .finish_non_exhaustive()
    }
}

fn failed(error: impl Into<BoxError>) -> ConnectError {
    ConnectError::new("http", error)
}

/// Why hyper's task ended with an error, while nobody waited for a response.
fn reason(error: &hyper::Error) -> Unusable {
    let cause = error.source().and_then(|cause| cause.downcast_ref());
    match cause.map(|cause: &io::Error| (cause.kind(), cause.raw_os_error())) {
        Some((_, Some(number))) => Unusable::Failed(io::Error::from_raw_os_error(number)),
        Some((kind, None)) => Unusable::Failed(kind.into()),
        None if error.is_incomplete_message() => Unusable::Closed,
        None => Unusable::UnexpectedData,
    }
}

#[cfg(feature = "legacy")]
mod bare;
#[cfg(test)]
mod tests;
