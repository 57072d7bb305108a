//! The manager's handle, through which users request connections.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::panic::Location;
use std::time::Duration;

use keepalive_engine::{Counts, RequestId, Waiting};

use crate::api::builder::ManagerBuilder;
use crate::api::error::AllocateError;
use crate::api::lease::{Lease, Leasing, Pending, PendingAnswer};
use crate::api::mailbox::{Mailbox, MailboxClosed, Responses};
use crate::api::request::Request;
use crate::api::shutdown::Shutdown;
use crate::api::stats::{self, LeaseInfo, Stats};
use crate::connect::Connector;
use crate::connect::net::NetConnector;
use crate::driver::{Driver, ShardRef};
use crate::sync::Arc;

/// Owns the outgoing connections of a program: opens, limits, queues, reuses, watches and closes
/// them.
///
/// A manager is a handle: clones are cheap and share everything. Two managers share nothing.
///
/// When the last handle is dropped, idle connections close at once and waiting requests fail with
/// [`ErrorKind::ShutDown`](crate::ErrorKind::ShutDown); leases stay usable.
///
/// A manager is built without a runtime, and uses the tokio runtime in which its first request is
/// made. If that runtime is shut down, pending requests fail with
/// [`ErrorKind::Runtime`](crate::ErrorKind::Runtime), and the manager adopts the runtime of the
/// next request.
///
/// If a request comes from a second runtime while the first is alive, the manager starts a thread
/// of its own, named `keepalive`. From then on, all work of the manager and all new connections run
/// on that thread. Neither runtime then needs the other to be driven, or to live. So one `static`
/// manager can serve tests that each have a runtime. Idle connections close with the move. The
/// thread ends with the manager. It uses the real clock, even if a test pauses the clock of its
/// runtime.
///
/// # Examples
///
/// ```no_run
/// use keepalive::{Manager, Request};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let manager = Manager::new();
/// let lease = manager.allocate(Request::new("redis", "127.0.0.1", 6379)?).await?;
/// lease.free();
/// manager.shutdown().await;
/// # Ok(())
/// # }
/// ```
pub struct Manager<C: Connector = NetConnector> {
    handle: Arc<Handle<C>>,
}

/// Shared by all handles; it is dropped with the last one.
struct Handle<C: Connector> {
    driver: Arc<Driver<C>>,
    /// Indexed by shard.
    shard_refs: Box<[Arc<ShardRef<C>>]>,
}

impl Manager {
    /// A manager with the defaults: 4 connections per host, 128 in total, idle ones kept for 15 s,
    /// and requests answered within 120 s.
    pub fn new() -> Self {
        ManagerBuilder::new()
            .build()
            .expect("the default settings can work")
    }

    /// Settings for a manager.
    pub fn builder() -> ManagerBuilder {
        ManagerBuilder::new()
    }
}

impl<C: Connector> Manager<C> {
    pub(crate) fn from_driver(driver: Driver<C>) -> Self {
        let driver = Arc::new(driver);
        let shard_refs = ShardRef::all(&driver);
        Self {
            handle: Arc::new(Handle { driver, shard_refs }),
        }
    }

    /// Requests a connection.
    ///
    /// Takes a [`Request`], or a reference to one for repeated use.
    ///
    /// Never blocks. The request counts from this call on, awaited or not; awaiting the [`Pending`]
    /// returns its answer. [`leases`](Self::leases) shows the source location of this call.
    #[track_caller]
    pub fn allocate(&self, request: impl Borrow<Request>) -> Pending<C> {
        let location = Location::caller();
        let request = request.borrow();
        Pending::new(self.shard_ref(request), request, location)
    }

    /// Requests a connection and waits for it: the fastest way to a lease.
    ///
    /// Like [`allocate`](Self::allocate), but the request is made when the future is first polled.
    /// Until the future is ready, nobody can query or cancel the request by a [`RequestId`]. An
    /// idle connection is found and taken in one access to the manager.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future withdraws the request at once, as dropping a [`Pending`] does. A new
    /// call waits at the end of the queue.
    ///
    /// # Errors
    ///
    /// Those of [`Pending`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let port = listener.local_addr()?.port();
    /// use keepalive::{Manager, Request};
    ///
    /// let manager = Manager::new();
    /// let request = Request::new("tcp", "127.0.0.1", port)?;
    /// for _ in 0..3 {
    ///     let lease = manager.lease(&request).await?;
    ///     lease.free();
    /// }
    /// assert_eq!(manager.totals().opened, 1);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn lease<'a>(
        &'a self,
        request: &'a Request,
    ) -> impl Future<Output = Result<Lease<C>, AllocateError>> + Send + use<'a, C> {
        self.lease_at(request, Location::caller())
    }

    /// Like [`lease`](Self::lease), with `location` as the caller's, so that
    /// [`leases`](Self::leases) can show the callers of a library built on a manager.
    ///
    /// # Cancel safety
    ///
    /// That of [`lease`](Self::lease).
    ///
    /// # Errors
    ///
    /// Those of [`Pending`].
    pub fn lease_at<'a>(
        &'a self,
        request: &'a Request,
        location: &'static Location<'static>,
    ) -> impl Future<Output = Result<Lease<C>, AllocateError>> + Send + use<'a, C> {
        Leasing::New {
            shard_ref: self.shard_ref(request),
            request,
            location,
        }
    }

    /// Requests a connection, and posts the answer to `mailbox` with `event` and `context`.
    ///
    /// Never blocks. The answer is taken from the mailbox's [`Responses`], never returned by this
    /// call. [`cancel`](Self::cancel) can withdraw the request until its answer has been taken.
    ///
    /// # Errors
    ///
    /// If the mailbox's [`Responses`] have been dropped, because nobody could take the answer. No
    /// request is made, and the error returns the context.
    #[track_caller]
    pub fn allocate_to<T: Send + 'static>(
        &self,
        mailbox: &Mailbox<T, C>,
        request: Request,
        event: impl Into<Cow<'static, str>>,
        context: T,
    ) -> Result<RequestId, MailboxClosed<T>> {
        let location = Location::caller();
        if mailbox.is_closed() {
            return Err(MailboxClosed(context));
        }
        let answer = PendingAnswer::new(self.shard_ref(&request), &request, location);
        Ok(mailbox.address(answer, request, event.into(), context))
    }

    /// Creates a mailbox for answers of this manager; one mailbox may serve several managers.
    pub fn mailbox<T: Send + 'static>(&self) -> (Mailbox<T, C>, Responses<T, C>) {
        Mailbox::pair()
    }

    /// Withdraws a request. Returns whether there was one to withdraw.
    ///
    /// The request fails with [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled). A connection
    /// that was assigned to it, but not taken yet, goes to the next request. Other requests are not
    /// affected.
    pub fn cancel(&self, id: RequestId) -> bool {
        self.driver().cancel(id)
    }

    /// Why a request waits; `None` if it has been answered.
    pub fn waiting(&self, id: RequestId) -> Option<Waiting> {
        self.driver().waiting(id)
    }

    /// Time from a request to its answer, for a request that sets no [timeout](Request::timeout)
    /// itself.
    pub fn timeout(&self) -> Duration {
        self.driver().timeout
    }

    /// The connector that opens the connections.
    pub fn connector(&self) -> &C {
        &self.driver().connector
    }

    /// Figures of each host and in total, all of the same instant.
    ///
    /// Blocks the whole manager while it counts; use [`totals`](Self::totals) for frequent queries.
    /// The list may lack hosts that have not been used for long; the total includes them. Beside
    /// the hosts in use, the manager remembers some 4,096 of them.
    pub fn stats(&self) -> Stats {
        stats::stats(self.driver())
    }

    /// Figures in total, all of the same instant.
    pub fn totals(&self) -> Counts {
        stats::totals(self.driver())
    }

    /// The leases in use, the longest held first.
    pub fn leases(&self) -> Vec<LeaseInfo> {
        stats::leases(self.driver())
    }

    /// Shuts the manager down, for all its handles.
    ///
    /// From this call on, new and waiting requests fail with
    /// [`ErrorKind::ShutDown`](crate::ErrorKind::ShutDown); attempts are cancelled and idle
    /// connections closed. Leases stay usable, and their connections close when given back. The
    /// result completes when the last connection has closed; dropping it changes nothing.
    pub fn shutdown(&self) -> Shutdown<C> {
        self.driver().shut_down();
        Shutdown::new(Arc::clone(self.driver()))
    }

    /// Checks every invariant. No operation may be in progress.
    #[cfg(any(keepalive_loom, keepalive_shuttle))]
    #[doc(hidden)]
    pub fn check(&self) {
        self.driver().check();
    }

    fn shard_ref(&self, request: &Request) -> &Arc<ShardRef<C>> {
        &self.handle.shard_refs[usize::from(self.driver().shard_of(request).0)]
    }

    fn driver(&self) -> &Arc<Driver<C>> {
        &self.handle.driver
    }
}

impl Default for Manager {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Connector> Clone for Manager<C> {
    fn clone(&self) -> Self {
        Self {
            handle: Arc::clone(&self.handle),
        }
    }
}

impl<C: Connector> fmt::Debug for Manager<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager")
            .field("totals", &self.totals())
            .finish_non_exhaustive()
    }
}

impl<C: Connector> Drop for Handle<C> {
    fn drop(&mut self) {
        self.driver.shut_down();
    }
}
