//! Mailboxes: answers as posted responses, in place of futures.

use std::borrow::Cow;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use futures_core::Stream;
use keepalive_engine::{FromCache, RequestId, Timing};

use crate::api::error::AllocateError;
use crate::api::lease::{Lease, PendingAnswer};
use crate::api::request::Request;
use crate::connect::Connector;
use crate::connect::net::NetConnector;
use crate::driver::answer::Letter;
use crate::driver::deferred::catch_panic;
use crate::sync::channel::{Receiver, Sender, channel};

/// Creates a mailbox for answers with contexts of type `T`.
///
/// For managers with a connector of their own see [`Manager::mailbox`](crate::Manager::mailbox).
///
/// # Examples
///
/// ```
/// use keepalive::{Manager, Request, mailbox};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let port = listener.local_addr()?.port();
/// let manager = Manager::new();
/// let (mailbox, mut responses) = mailbox::<&str>();
///
/// let request = Request::new("tcp", "127.0.0.1", port)?;
/// let id = manager.allocate_to(&mailbox, request, "got_a_connection", "my context")?;
/// drop(mailbox);
///
/// while let Some(response) = responses.recv().await {
///     assert_eq!(response.id(), id);
///     assert_eq!(response.event(), "got_a_connection");
///     assert_eq!(*response.context(), "my context");
///     response.into_result()?.free();
/// }
/// # Ok(())
/// # }
/// ```
pub fn mailbox<T: Send + 'static>() -> (Mailbox<T>, Responses<T>) {
    Mailbox::pair()
}

/// The sending end of a mailbox, to which a manager posts answers. Clones post to the same
/// [`Responses`].
pub struct Mailbox<T, C: Connector = NetConnector> {
    sender: Sender<Box<Envelope<T, C>>>,
}

/// The receiving end of a mailbox: returns the answers in order of arrival; also a [`Stream`].
///
/// An answer that has arrived, but has not been taken, can still be cancelled. Dropping this value
/// withdraws the requests whose answers have arrived and were not taken. A request that still waits
/// keeps its place, and is withdrawn when its answer comes.
pub struct Responses<T, C: Connector = NetConnector> {
    receiver: Receiver<Box<Envelope<T, C>>>,
}

/// A pending answer of a request, the event and context to return with it, and the channel to send it
/// into.
struct Envelope<T, C: Connector> {
    sender: Sender<Box<Envelope<T, C>>>,
    answer: PendingAnswer<C>,
    request: Request,
    event: Cow<'static, str>,
    context: T,
}

impl<T: Send + 'static, C: Connector> Letter for Envelope<T, C> {
    fn post(self: Box<Self>) -> Option<RequestId> {
        let sender = self.sender.clone();
        let refused = sender.send(self).err()?;
        let Envelope {
            answer, context, ..
        } = *refused;
        let id = answer.abandon();
        catch_panic(|| drop(context));
        id
    }
}

impl<T: Send + 'static, C: Connector> Mailbox<T, C> {
    pub(crate) fn pair() -> (Self, Responses<T, C>) {
        let (sender, receiver) = channel();
        (Self { sender }, Responses { receiver })
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    pub(crate) fn address(
        &self,
        answer: PendingAnswer<C>,
        request: Request,
        event: Cow<'static, str>,
        context: T,
    ) -> RequestId {
        let id = answer.id;
        post(Box::new(Envelope {
            sender: self.sender.clone(),
            answer,
            request,
            event,
            context,
        }));
        id
    }
}

/// Puts an envelope into its channel once its answer is ready, possibly now.
fn post<T: Send + 'static, C: Connector>(envelope: Box<Envelope<T, C>>) {
    match envelope.answer.driver().cloned() {
        Some(driver) => driver.post_when_answered(envelope.answer.id, envelope),
        // The request was refused before it reached an engine, so there is nothing to forget.
        None => {
            envelope.post();
        }
    }
}

impl<T: Send + 'static, C: Connector> Responses<T, C> {
    /// Takes the next answer; `None` when no more can come, because every mailbox is dropped and
    /// every request answered.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no answer.
    pub async fn recv(&mut self) -> Option<Response<T, C>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl<T: Send + 'static, C: Connector> Stream for Responses<T, C> {
    type Item = Response<T, C>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(mut envelope) = ready!(self.receiver.poll_receive(context)) else {
                return Poll::Ready(None);
            };
            let mut nobody = Context::from_waker(Waker::noop());
            match envelope.answer.poll(envelope.request.host(), &mut nobody) {
                Poll::Ready(result) => {
                    return Poll::Ready(Some(Response {
                        id: envelope.answer.id,
                        result,
                        request: envelope.request,
                        event: envelope.event,
                        context: envelope.context,
                    }));
                }
                // Its connection has become unusable since, so the request waits again.
                Poll::Pending => post(envelope),
            }
        }
    }
}

/// The answer to one request, with its event and context.
#[must_use = "dropping it closes its connection"]
pub struct Response<T, C: Connector = NetConnector> {
    id: RequestId,
    result: Result<Lease<C>, AllocateError>,
    request: Request,
    event: Cow<'static, str>,
    context: T,
}

impl<T, C: Connector> Response<T, C> {
    /// The request that this answers.
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// The event's name, as given.
    pub fn event(&self) -> &str {
        &self.event
    }

    /// The scheme, as given.
    pub fn scheme(&self) -> &str {
        self.request.scheme()
    }

    /// The address, as given.
    pub fn address(&self) -> &str {
        self.request.address()
    }

    /// The port, as given.
    pub fn port(&self) -> u16 {
        self.request.port()
    }

    /// The context, as given.
    pub fn context(&self) -> &T {
        &self.context
    }

    /// The connection, if the answer is one.
    pub fn connection(&self) -> Option<&Lease<C>> {
        self.result.as_ref().ok()
    }

    /// The connection by value, if the answer is one.
    pub fn into_connection(self) -> Option<Lease<C>> {
        self.result.ok()
    }

    /// The connection or the error.
    ///
    /// # Errors
    ///
    /// The request's error, if it was answered without a connection.
    pub fn into_result(self) -> Result<Lease<C>, AllocateError> {
        self.result
    }

    /// The context, and the connection or the error.
    pub fn into_parts(self) -> (T, Result<Lease<C>, AllocateError>) {
        (self.context, self.result)
    }

    /// The error, if there is no connection.
    pub fn error(&self) -> Option<&AllocateError> {
        self.result.as_ref().err()
    }

    /// Whether the connection was idle or came from another user; `None` if it is new, or if there
    /// is none.
    pub fn from_cache(&self) -> Option<FromCache> {
        self.connection().and_then(Lease::from_cache)
    }

    /// The function that failed, if there is no connection.
    pub fn function(&self) -> Option<&str> {
        self.error().map(AllocateError::function)
    }

    /// The number of the system's error, if the system reported one.
    pub fn error_num(&self) -> Option<i32> {
        self.error().and_then(AllocateError::error_num)
    }

    /// The error in words, if there is no connection.
    pub fn error_str(&self) -> Option<String> {
        self.error().map(AllocateError::error_str)
    }

    /// The time from the request to its answer, by phase.
    pub fn timing(&self) -> Timing {
        match &self.result {
            Ok(lease) => lease.timing(),
            Err(error) => error.timing(),
        }
    }
}

/// The error for a mailbox whose [`Responses`] have been dropped; it returns the context.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody takes the answers of this mailbox: its `Responses` have been dropped")]
pub struct MailboxClosed<T>(pub T);

impl<T, C: Connector> Clone for Mailbox<T, C> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
        }
    }
}

impl<T, C: Connector> fmt::Debug for Mailbox<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").finish_non_exhaustive()
    }
}

impl<T, C: Connector> fmt::Debug for Responses<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responses").finish_non_exhaustive()
    }
}

/// Leaves out the context, which may hold anything.
impl<T, C: Connector> fmt::Debug for Response<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("event", &self.event)
            .field("result", &self.result)
            .finish_non_exhaustive()
    }
}
