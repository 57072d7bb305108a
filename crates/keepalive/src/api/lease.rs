//! A request that waits for its answer, and the lease that answers it.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use keepalive_engine::{FromCache, Place, RequestId, Timing, Waiting};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::api::error::AllocateError;
use crate::api::host::Host;
use crate::api::request::Request;
use crate::connect::Connector;
use crate::connect::net::NetConnector;
use crate::driver::inputs::{Asked, Unanswered};
use crate::driver::lane::Held;
use crate::driver::live::Live;
use crate::driver::{Driver, ShardRef};
use crate::sync::Arc;

/// A request for a connection, to be awaited.
///
/// The request counts from [`Manager::allocate`](crate::Manager::allocate) on, awaited or not, and
/// so does its deadline. It keeps its place in the queue, whichever task awaits it.
///
/// # Cancel safety
///
/// Dropping it withdraws the request at once: no permit is lost, and no other request loses its
/// place. A connection that was assigned to it goes to the next. Polling it by `&mut` in a
/// `select!` that another branch completes loses nothing.
///
/// # Errors
///
/// [`AllocateError`] when the attempt failed, the deadline passed, the queue was full, the request
/// was cancelled, the manager was shut down, or no runtime exists.
///
/// # Panics
///
/// If it is polled again after it was ready.
#[must_use = "dropping it withdraws the request"]
pub struct Pending<C: Connector = NetConnector> {
    answer: PendingAnswer<C>,
    host: Host,
}

impl<C: Connector> Pending<C> {
    pub(crate) fn new(
        shard_ref: &Arc<ShardRef<C>>,
        request: &Request,
        location: &'static Location<'static>,
    ) -> Self {
        Self {
            answer: PendingAnswer::new(shard_ref, request, location),
            host: request.host().clone(),
        }
    }

    /// The id of the request, unique within the process.
    pub fn id(&self) -> RequestId {
        self.answer.id
    }

    /// Why and for how long the request has waited; `None` once the answer is ready.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let port = listener.local_addr()?.port();
    /// use keepalive::{Manager, Reason, Request};
    ///
    /// let manager = Manager::builder().max_per_host(1).build()?;
    /// let request = Request::new("tcp", "127.0.0.1", port)?;
    /// let lease = manager.allocate(request.clone()).await?;
    ///
    /// let pending = manager.allocate(request);
    /// let waiting = pending.waiting().expect("the only connection is in use");
    /// assert_eq!(waiting.reason(), Reason::HostLimit { in_use: 1, max: 1 });
    /// # drop(lease);
    /// # Ok(())
    /// # }
    /// ```
    pub fn waiting(&self) -> Option<Waiting> {
        self.answer.waiting()
    }
}

impl<C: Connector> Future for Pending<C> {
    type Output = Result<Lease<C>, AllocateError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { answer, host } = &mut *self;
        answer.poll(host, context)
    }
}

impl<C: Connector> fmt::Debug for Pending<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("id", &self.answer.id)
            .field("waiting", &self.waiting())
            .finish()
    }
}

/// A future that makes its request when it is first polled.
///
/// Written by hand to be small, because every waiter has one: both states share their memory.
pub(crate) enum Leasing<'a, C: Connector> {
    New {
        shard_ref: &'a Arc<ShardRef<C>>,
        request: &'a Request,
        location: &'static Location<'static>,
    },
    Parked(Parking<'a, C>),
    Asked(PendingAnswer<C>, &'a Request),
    Done,
}

impl<C: Connector> Future for Leasing<'_, C> {
    type Output = Result<Lease<C>, AllocateError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &*self {
            Self::New {
                shard_ref,
                request,
                location,
            } => {
                let (shard_ref, request) = (*shard_ref, *request);
                let driver = &shard_ref.driver;
                match driver.lease(shard_ref, request, location, context.waker()) {
                    Ok(held) => {
                        *self = Self::Done;
                        Poll::Ready(Ok(Lease::new(held)))
                    }
                    Err(unanswered) => self.wait(shard_ref, request, unanswered, context),
                }
            }
            Self::Parked(parking) => {
                let answer = ready!(parking.look(context.waker()));
                let (shard_ref, request) = (parking.shard_ref, parking.request);
                if let Self::Parked(parking) = std::mem::replace(&mut *self, Self::Done) {
                    // It waits there no longer.
                    std::mem::forget(parking);
                }
                match answer {
                    Ok(held) => Poll::Ready(Ok(Lease::new(held))),
                    Err(unanswered) => self.wait(shard_ref, request, unanswered, context),
                }
            }
            Self::Asked(..) => self.poll_answer(context),
            Self::Done => panic!("a lease was polled for after it was there"),
        }
    }
}

impl<'a, C: Connector> Leasing<'a, C> {
    fn wait(
        &mut self,
        shard_ref: &'a Arc<ShardRef<C>>,
        request: &'a Request,
        unanswered: Unanswered,
        context: &mut Context<'_>,
    ) -> Poll<Result<Lease<C>, AllocateError>> {
        let listens = match unanswered {
            Unanswered::InLane(number, place) => {
                *self = Self::Parked(Parking {
                    shard_ref,
                    request,
                    number,
                    place,
                });
                true
            }
            Unanswered::InShard(asked) => {
                let listens = asked.listens;
                *self = Self::Asked(PendingAnswer::asked(shard_ref, asked), request);
                listens
            }
        };
        match listens {
            true => Poll::Pending,
            false => self.poll_answer(context),
        }
    }

    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<Result<Lease<C>, AllocateError>> {
        match self {
            Self::Asked(answer, request) => answer.poll(request.host(), context),
            _ => panic!("a lease was polled for after it was there"),
        }
    }
}

/// A request that waits in the lane of its host. Dropping it withdraws the request.
pub(crate) struct Parking<'a, C: Connector> {
    shard_ref: &'a Arc<ShardRef<C>>,
    request: &'a Request,
    number: u64,
    place: Place,
}

impl<C: Connector> Parking<'_, C> {
    /// Ready when the request has its connection, or its shard has the request.
    fn look(&self, waker: &Waker) -> Poll<Result<Held<C>, Unanswered>> {
        let driver = &self.shard_ref.driver;
        driver.look_in_lane(self.request, self.number, self.place, waker)
    }
}

impl<C: Connector> Drop for Parking<'_, C> {
    fn drop(&mut self) {
        let driver = &self.shard_ref.driver;
        driver.withdraw(self.request, self.number, self.place);
    }
}

/// The right to one answer: taken once, or withdrawn when dropped.
pub(crate) struct PendingAnswer<C: Connector> {
    pub(crate) id: RequestId,
    state: State<C>,
}

enum State<C: Connector> {
    /// An engine has the request.
    Asked(Arc<ShardRef<C>>),
    /// The request was refused before it reached an engine.
    Refused(AllocateError),
    /// The answer has been taken.
    Done,
}

impl<C: Connector> PendingAnswer<C> {
    pub(crate) fn new(
        shard_ref: &Arc<ShardRef<C>>,
        request: &Request,
        location: &'static Location<'static>,
    ) -> Self {
        Self::asked(shard_ref, shard_ref.driver.ask(request, location))
    }

    fn asked(shard_ref: &Arc<ShardRef<C>>, asked: Asked) -> Self {
        let state = match asked.refused {
            None => State::Asked(Arc::clone(shard_ref)),
            Some(error) => State::Refused(error),
        };
        Self {
            id: asked.id,
            state,
        }
    }

    /// The driver that has the request; `None` if it was refused or its answer has been taken.
    pub(crate) fn driver(&self) -> Option<&Arc<Driver<C>>> {
        match &self.state {
            State::Asked(shard_ref) => Some(&shard_ref.driver),
            State::Refused(_) | State::Done => None,
        }
    }

    /// Gives up the answer, and leaves it to the caller to forget the returned request.
    pub(crate) fn abandon(mut self) -> Option<RequestId> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Asked(_) => Some(self.id),
            State::Refused(_) | State::Done => None,
        }
    }

    fn waiting(&self) -> Option<Waiting> {
        self.driver()?.waiting(self.id)
    }

    /// Takes the answer to the request, which is for `host`.
    pub(crate) fn poll(
        &mut self,
        host: &Host,
        context: &mut Context<'_>,
    ) -> Poll<Result<Lease<C>, AllocateError>> {
        let answer = match &self.state {
            State::Asked(shard_ref) => {
                Some(ready!(shard_ref.driver.poll_answer(self.id, host, context)))
            }
            State::Refused(_) | State::Done => None,
        };
        let state = std::mem::replace(&mut self.state, State::Done);
        Poll::Ready(match (answer, state) {
            (Some(Ok(live)), State::Asked(shard_ref)) => Ok(Lease::new(Held {
                live,
                shard_ref,
                lane: None,
            })),
            (Some(Err(error)), _) | (None, State::Refused(error)) => Err(error),
            _ => panic!("the answer of a request was polled for after it was taken"),
        })
    }
}

impl<C: Connector> Drop for PendingAnswer<C> {
    fn drop(&mut self) {
        if let State::Asked(shard_ref) = &self.state {
            shard_ref.driver.forget(self.id);
        }
    }
}

/// A connection in use, exclusively or as a handle of a shared one, until the lease ends.
///
/// The lease implements [`AsyncRead`] and [`AsyncWrite`] where the connection does, and
/// dereferences to the connection.
///
/// [`free`](Self::free) gives the connection back for reuse. Dropping the lease closes the
/// connection instead, also during a panic, because nobody else may continue a broken-off exchange.
/// Forgetting the lease (`std::mem::forget`) keeps its permit for ever.
#[must_use = "dropping it closes the connection"]
pub struct Lease<C: Connector = NetConnector> {
    /// `Some` until the lease ends.
    held: Option<Held<C>>,
    /// Whether the user has shut down its side of the connection.
    ended: bool,
}

impl<C: Connector> Lease<C> {
    pub(crate) fn new(held: Held<C>) -> Self {
        Self {
            held: Some(held),
            ended: false,
        }
    }

    /// The request that this answers.
    pub fn id(&self) -> RequestId {
        self.live().request
    }

    /// The host of the connection.
    pub fn host(&self) -> &Host {
        self.live().host()
    }

    /// Whether the connection was idle or came from another user; `None` if it is new and has had
    /// no other user.
    pub fn from_cache(&self) -> Option<FromCache> {
        self.live().from_cache
    }

    /// The time from the request to this answer, by phase.
    pub fn timing(&self) -> Timing {
        let Held {
            shard_ref, lane, ..
        } = self.held();
        let queued = lane.as_ref().and_then(|(lane, seat)| lane.queued(*seat));
        match queued {
            Some(nanos) => {
                let mut timing = Timing::default();
                timing.queued = Duration::from_nanos(nanos);
                timing
            }
            None => shard_ref.driver.timing(self.id()).unwrap_or_default(),
        }
    }

    /// Gives the connection back for reuse.
    ///
    /// Call it when the exchange is complete on both sides. The connection is kept only if it is
    /// still open on both sides and no unread data has arrived. Otherwise it is closed, and its
    /// permit is free at once.
    pub fn free(mut self) {
        if !self.ended
            && let Some(held) = self.held.take()
        {
            Driver::give_back(held);
        }
    }

    /// Closes the connection; dropping the lease has the same effect.
    pub fn close(self) {
        drop(self);
    }

    fn live(&self) -> &Live<C> {
        &self.held().live
    }

    fn live_mut(&mut self) -> &mut Live<C> {
        &mut self.held.as_mut().expect(HELD).live
    }

    fn held(&self) -> &Held<C> {
        self.held.as_ref().expect(HELD)
    }
}

const HELD: &str = "a lease has its connection until it ends";

impl<C: Connector> Drop for Lease<C> {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            held.shard_ref.driver.close(held.live);
        }
    }
}

impl<C: Connector> Deref for Lease<C> {
    type Target = C::Connection;

    fn deref(&self) -> &C::Connection {
        &self.live().io
    }
}

impl<C: Connector> DerefMut for Lease<C> {
    fn deref_mut(&mut self) -> &mut C::Connection {
        &mut self.live_mut().io
    }
}

/// The lease never pins the connection, which has a box of its own.
impl<C: Connector> Unpin for Lease<C> {}

impl<C: Connector> AsyncRead for Lease<C>
where
    C::Connection: AsyncRead + Unpin,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.live_mut().io).poll_read(context, buffer)
    }
}

impl<C: Connector> AsyncWrite for Lease<C>
where
    C::Connection: AsyncWrite + Unpin,
{
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.live_mut().io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.live_mut().io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ended = true;
        Pin::new(&mut self.live_mut().io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.live_mut().io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.live().io.is_write_vectored()
    }
}

impl<C: Connector> fmt::Debug for Lease<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("id", &self.id())
            .field("host", self.host())
            .field("from_cache", &self.from_cache())
            .field("timing", &self.timing())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_takes_little_room() {
        assert_eq!(size_of::<Leasing<'_, NetConnector>>(), 40);
        assert_eq!(size_of::<Pending>(), 40);
    }
}
