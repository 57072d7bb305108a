//! Exchanges by hyper: those that our own exchange does not carry.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::{Body, Frame};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::SendRequest;
use tokio::runtime::Handle;
use tokio::task::unconstrained;

use super::bare::Handshake;
use super::drive::Drive;
use crate::io::Shared;
use crate::outgoing::{Outgoing, Upload};

/// hyper's two halves of a connection.
pub(super) struct ByHyper {
    /// `Some` until the connection is closed.
    sender: Option<SendRequest<Outgoing>>,
    pub(super) drive: Drive,
}

impl ByHyper {
    pub(super) async fn begin(handshake: Handshake) -> hyper::Result<Self> {
        let (sender, half) = handshake.await?;
        Ok(Self {
            sender: Some(sender),
            drive: Drive::new(half),
        })
    }

    /// Sends the request that `begun` makes, and waits for the head of its response.
    pub(super) async fn send<T: Send + 'static>(
        &mut self,
        begun: impl FnOnce() -> (Request<Outgoing>, Option<Upload>),
        transport: &Shared<T>,
        runtime: &Handle,
    ) -> Result<Response<Incoming>, TrySendError<Request<Outgoing>>> {
        let sender = self.sender.as_mut();
        let sender = sender.expect("a closed connection is not used again");
        self.drive.disarm();
        let mut upload = None;
        // In a closure, so that the future needs no room for another request.
        let begun = || {
            let (request, body) = begun();
            upload = body;
            request
        };
        // Without a waker (`Drive::poll_both`), a budget that is used up must not stop it.
        let mut response = pin!(unconstrained(sender.try_send_request(begun())));
        if upload.is_some() && Handle::try_current().is_err() {
            // The user's body may need a runtime.
            self.go_on_sending(upload.take(), transport, runtime);
        }
        let response = poll_fn(|cx| self.drive.poll_then(cx, |cx| response.as_mut().poll(cx)));
        let response = response.await?;
        self.go_on_sending(upload, transport, runtime);
        Ok(response)
    }

    /// Has a task go on with a request that is not sent as a whole.
    fn go_on_sending<T: Send + 'static>(
        &mut self,
        upload: Option<Upload>,
        transport: &Shared<T>,
        runtime: &Handle,
    ) {
        let is_sent = move |transport: &Shared<T>| {
            upload.as_ref().is_none_or(Upload::is_taken) && !transport.is_write_pending()
        };
        if !is_sent(transport) {
            let transport = transport.clone();
            self.drive.send_away(runtime, move || is_sent(&transport));
        }
    }

    /// Reads the body of a response.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Incoming,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        self.drive
            .poll_both(cx, |cx| Pin::new(&mut *body).poll_frame(cx))
    }

    /// Waits until hyper takes another request; false if it never will.
    ///
    /// The end of a body is known a little earlier (H5). In between, hyper finds out whether the
    /// peer closes, or has sent more than it announced.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let Some(sender) = &mut self.sender else {
            return Poll::Ready(false);
        };
        let ready = ready!(self.drive.poll_both(cx, |cx| sender.poll_ready(cx)));
        if ready.is_err() {
            return Poll::Ready(false);
        }
        ready!(self.drive.poll_back(cx));
        Poll::Ready(!self.drive.is_ended())
    }

    /// Whether the connection has ended, as far as hyper has noticed.
    pub(super) fn is_ended(&self) -> bool {
        self.drive.is_ended() || self.sender.as_ref().is_none_or(SendRequest::is_closed)
    }

    /// Closes a stream that hyper alone owns; gracefully, if no exchange is under way.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.sender.take().is_none_or(|sender| sender.is_ready()) {
            self.drive.end();
        }
        self.drive.poll(cx)
    }
}
