//! The handle that users hold.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::panic::Location;
use std::time::Duration;

use keepalive_engine::{Counts, RequestId, Waiting};

use crate::builder::Builder;
use crate::connect::Connector;
use crate::connect::net::Net;
use crate::driver::Driver;
use crate::driver::anchor::Anchor;
use crate::error::AllocateError;
use crate::lease::Lease;
use crate::mailbox::{Mailbox, MailboxClosed, Responses};
use crate::pending::{Claim, Leasing, Pending};
use crate::request::Request;
use crate::shutdown::Shutdown;
use crate::stats::{self, LeaseInfo, Stats};
use crate::sync::Arc;

/// Owns the outgoing connections of a program: opens, limits, queues, reuses, watches and closes
/// them.
///
/// A manager is a handle: clones are cheap and share everything. Two managers share nothing.
///
/// When the last handle goes, idle connections close at once and requests that wait are answered
/// [`ErrorKind::ShutDown`](crate::ErrorKind::ShutDown); leases stay usable.
///
/// A manager is built without a runtime, and uses the tokio runtime from within which its first
/// request is made. If that is shut down, what is pending ends with
/// [`ErrorKind::Runtime`](crate::ErrorKind::Runtime), and the next request brings a new one.
///
/// The first request from another runtime, while the first is alive, starts a thread of the manager's
/// own. All that the manager does, and all new connections, are there from then on, so neither runtime
/// needs the other to be driven, or to live. That is how one `static` manager serves tests that each have
/// a runtime. Connections that were idle close with the move. The thread is named `keepalive` and ends
/// with the manager. It goes by the real clock, whatever a test does to the clock of its runtime.
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
pub struct Manager<C: Connector = Net> {
    handle: Arc<Handle<C>>,
}

/// Counts the handles: its drop is the last one's.
struct Handle<C: Connector> {
    driver: Arc<Driver<C>>,
    /// By shards.
    anchors: Box<[Arc<Anchor<C>>]>,
}

impl Manager {
    /// A manager with the defaults: 4 connections per host, 128 in total, kept for 15 s idle,
    /// requests answered within 120 s.
    pub fn new() -> Self {
        Builder::new()
            .build()
            .expect("the default settings can work")
    }

    /// Settings for a manager.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl<C: Connector> Manager<C> {
    pub(crate) fn from_driver(driver: Driver<C>) -> Self {
        let driver = Arc::new(driver);
        let anchors = Anchor::all(&driver);
        Self {
            handle: Arc::new(Handle { driver, anchors }),
        }
    }

    /// Asks for a connection.
    ///
    /// Takes a [`Request`], or a reference to one that is made again and again.
    ///
    /// Never blocks. The request counts from now on, awaited or not; its answer comes when the
    /// [`Pending`] is awaited. The line that calls this is what
    /// [`leases`](Self::leases) shows of the lease.
    #[track_caller]
    pub fn allocate(&self, request: impl Borrow<Request>) -> Pending<C> {
        let location = Location::caller();
        let request = request.borrow();
        Pending::new(self.anchor(request), request, location)
    }

    /// Asks for a connection and waits for it, in one: the quickest way to a lease.
    ///
    /// As [`allocate`](Self::allocate), but nothing is asked before this is polled, and until it is
    /// ready the request has no name by which others could ask for it or withdraw it. A connection
    /// that is there is taken with the same look at the manager by which it is found.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future withdraws the request at once, as dropping a [`Pending`] does. A new one
    /// asks at the end of the queue.
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

    /// As [`lease`](Self::lease), on behalf of the caller at `location`: for those who build on a
    /// manager, and have their own callers show up in [`leases`](Self::leases).
    ///
    /// # Cancel safety
    ///
    /// As that of [`lease`](Self::lease).
    ///
    /// # Errors
    ///
    /// Those of [`Pending`].
    pub fn lease_at<'a>(
        &'a self,
        request: &'a Request,
        location: &'static Location<'static>,
    ) -> impl Future<Output = Result<Lease<C>, AllocateError>> + Send + use<'a, C> {
        Leasing::new(self.anchor(request), request, location)
    }

    /// Asks for a connection, and has the answer posted to `mailbox` with `event` and `context`.
    ///
    /// Never blocks. The answer is taken from the mailbox's [`Responses`], never within this call.
    /// Until it has been taken, [`cancel`](Self::cancel) can withdraw the request.
    ///
    /// # Errors
    ///
    /// If the mailbox's [`Responses`] have been dropped: nobody could take the answer. Nothing was
    /// asked, and the context comes back.
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
        let claim = Claim::new(self.anchor(&request), &request, location);
        Ok(mailbox.address(claim, request, event.into(), context))
    }

    /// A mailbox for answers of this manager; one mailbox may serve several managers.
    pub fn mailbox<T: Send + 'static>(&self) -> (Mailbox<T, C>, Responses<T, C>) {
        Mailbox::pair()
    }

    /// Withdraws a request. Answers whether there was something to withdraw.
    ///
    /// The request is answered [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled). A connection
    /// that was assigned to it, but not taken yet, goes to the next. Nothing else is disturbed.
    pub fn cancel(&self, id: RequestId) -> bool {
        self.driver().cancel(id)
    }

    /// Why a request waits; `None` if it has been answered.
    pub fn waiting(&self, id: RequestId) -> Option<Waiting> {
        self.driver().waiting(id)
    }

    /// How long a request has for its answer if it sets no [timeout](Request::timeout) itself.
    pub fn timeout(&self) -> Duration {
        self.driver().timeout
    }

    /// What opens its connections.
    pub fn connector(&self) -> &C {
        &self.driver().connector
    }

    /// Figures of each host and in total, all of the same instant.
    ///
    /// Holds up the whole manager while it counts; see [`totals`](Self::totals) for something to
    /// ask often. Hosts that have not been used for long may be missing from the list, but not
    /// from the total: some 4,096 are remembered beside those in use.
    pub fn stats(&self) -> Stats {
        stats::stats(self.driver())
    }

    /// Figures in total, all of the same instant.
    pub fn totals(&self) -> Counts {
        stats::totals(self.driver())
    }

    /// The leases in users' hands, the one held longest first.
    pub fn leases(&self) -> Vec<LeaseInfo> {
        stats::leases(self.driver())
    }

    /// Ends the manager, for all its handles.
    ///
    /// From this call on, requests are answered
    /// [`ErrorKind::ShutDown`](crate::ErrorKind::ShutDown), those that wait as well; attempts are
    /// withdrawn and idle connections closed. Leases stay usable, and close when they come back.
    /// Await the result to know when the last connection has closed; dropping it changes nothing.
    pub fn shutdown(&self) -> Shutdown<C> {
        self.driver().shut_down();
        Shutdown::new(Arc::clone(self.driver()))
    }

    /// Checks every invariant, when nothing is on its way.
    #[cfg(any(keepalive_loom, keepalive_shuttle))]
    #[doc(hidden)]
    pub fn check(&self) {
        self.driver().check();
    }

    fn anchor(&self, request: &Request) -> &Arc<Anchor<C>> {
        &self.handle.anchors[usize::from(self.driver().shard_of(request).0)]
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
