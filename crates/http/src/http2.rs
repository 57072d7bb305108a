//! One HTTP/2 connection.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use keepalive::{ConnectError, Connection, Host, Unusable};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::connection::Unanswered;
use crate::connector::{LONGEST, Options, Pings};
use crate::head::Part;
use crate::io::Shared;
use crate::lock::lock;
use crate::one_only::OneOnly;
use crate::outgoing::{BoxError, Outgoing};
use crate::resend::Failure;

use self::doubt::Doubt;
pub(crate) use self::doubt::Silence;
use self::drive::Drive;
pub(crate) use self::drive::Executor;
pub(crate) use self::ended::Ended;
use self::ended::{failure, wants_one};
pub(crate) use self::foreign::Foreign;
use self::frames::Frames;
pub(crate) use self::session::Session;
use self::session::UNSAID;
pub(crate) use self::venture::{Venture, Ventures};
pub(crate) use self::windows::Windows;

mod doubt;
mod drive;
mod ended;
mod foreign;
mod frames;
pub(crate) mod scanner;
mod session;
mod venture;
mod windows;

/// A handle on an HTTP/2 connection, which carries as many concurrent exchanges as the peer's
/// settings allow (RFC 9113, section 5.1.2).
///
/// hyper drives the connection in one task, which follows changes of the peer's settings. When a
/// GOAWAY arrives, the connection takes no further exchange, and its current exchanges continue.
pub(crate) struct Http2<T> {
    pub(crate) session: Arc<Session<T>>,
    /// Whether it has an unfinished exchange.
    pub(crate) is_busy: bool,
}

/// Owns the connection, and creates handles on it.
pub(crate) struct Main<T> {
    pub(crate) session: Arc<Session<T>>,
    task: JoinHandle<()>,
}

impl<T: Connection + AsyncRead + AsyncWrite + Unpin> Main<T> {
    /// Starts HTTP/2 on a new transport.
    ///
    /// With a `venture` it does not wait for the peer's settings. Until they arrive, RFC 9113
    /// leaves the number of exchanges open; the user's setting decides, or one is allowed.
    pub(crate) async fn open(
        transport: T,
        options: &Options,
        one_only: Option<(OneOnly, Host)>,
        venture: Option<Venture>,
    ) -> Result<Self, ConnectError> {
        let runtime = Handle::try_current().map_err(|error| ConnectError::new("http", error))?;
        let settings = options.settings.as_deref();
        let limits = options.limits();
        let transport = Shared::new(transport);
        transport.read_while_idle();
        let executor = Executor::new(runtime.clone());
        let mut builder = http2::Builder::new(executor.clone());
        let mut doubt = None;
        match options.pings {
            Pings::Always { interval, timeout } => {
                builder
                    .timer(TokioTimer::new())
                    .keep_alive_interval(interval)
                    .keep_alive_timeout(timeout)
                    .keep_alive_while_idle(true);
            }
            // A client with hyper's settings has hyper's pings.
            Pings::InDoubt(silence) if settings.is_none() => {
                doubt = Some(Doubt::new(silence, &mut builder));
            }
            _ => {}
        }
        // h2 remembers all resets, see `ENOUGH_RESETS`.
        builder
            .max_concurrent_reset_streams(usize::MAX)
            .reset_stream_duration(LONGEST);
        // Windows set under hyper's names work as in hyper.
        let mut room = usize::MAX;
        if settings.is_none_or(|settings| !settings.has_windows) {
            options.windows.set(&mut builder);
            room = options.windows.room();
        }
        if let Some(limits) = limits {
            limits.set_two(&mut builder);
            transport.inspect(Frames::new(limits));
        }
        if let Some(settings) = settings {
            builder.timer(TokioTimer::new());
            for change in &settings.two {
                change(&mut builder);
            }
        }
        builder.initial_max_send_streams(UNSAID);
        let (sender, requests) = builder
            .handshake(TokioIo::new(transport.clone()))
            .await
            .map_err(|error| ConnectError::new("http", error))?;
        let session = Arc::new(Session {
            transport,
            sender: Mutex::new(Some(sender)),
            streams: AtomicUsize::new(requests.current_max_send_streams()),
            ventured: settings.and_then(|settings| settings.streams).unwrap_or(1),
            venture: Mutex::new(venture),
            room,
            limits,
            one_only,
            resets: AtomicUsize::new(0),
            is_doubtful: doubt.is_some(),
            sent: AtomicU64::new(0),
            suspect: AtomicBool::new(false),
            task: OnceLock::new(),
            retired: AtomicBool::new(false),
            failure: OnceLock::new(),
            is_unopened: AtomicBool::new(false),
            torn: Arc::clone(&executor.torn),
            watcher: Mutex::default(),
        });
        let ventures = lock(&session.venture).is_some();
        let mut drive = Drive {
            wire: executor.take_wire(),
            requests: Some(requests),
            doubt,
            session: Arc::clone(&session),
        };
        // If the peer sends first, as after a TLS handshake, its settings may have arrived.
        poll_fn(|context| drive.poll_begin(context)).await;
        let task = runtime.spawn(drive);
        let mut opened = Self { session, task };
        if !ventures {
            poll_fn(|context| opened.poll_settled(context)).await;
        }
        Ok(opened)
    }

    /// Waits until the peer's settings have arrived, or never will.
    fn poll_settled(&mut self, context: &mut Context<'_>) -> Poll<()> {
        *lock(&self.session.watcher) = Some(context.waker().clone());
        match self.is_provisional() && !self.session.is_retired() {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }

    /// Creates a handle; `None` while the peer is in doubt, or once the connection takes no further
    /// exchange.
    pub(crate) fn share(&self) -> Option<Http2<T>> {
        (!self.session.is_retired() && !self.session.is_suspect()).then(|| self.handle())
    }

    /// Creates a handle even on a retired connection. If it was retired before it could be shared,
    /// it is leased itself.
    pub(crate) fn handle(&self) -> Http2<T> {
        Http2 {
            session: Arc::clone(&self.session),
            is_busy: false,
        }
    }

    /// How many concurrent exchanges are currently allowed.
    pub(crate) fn capacity(&self) -> usize {
        let streams = match self.session.streams.load(Ordering::Acquire) {
            UNSAID => self.session.ventured,
            streams => streams,
        };
        streams.min(self.session.room)
    }

    /// Whether the peer's settings have not arrived yet.
    pub(crate) fn is_provisional(&self) -> bool {
        self.session.streams.load(Ordering::Acquire) == UNSAID
    }

    pub(crate) fn poll_unusable(&mut self, context: &mut Context<'_>) -> Poll<Unusable> {
        if let Poll::Ready(unusable) = self.session.transport.poll_retired(context) {
            return Poll::Ready(unusable);
        }
        *lock(&self.session.watcher) = Some(context.waker().clone());
        match self.session.is_retired() {
            true => Poll::Ready(self.session.why_unusable()),
            false => Poll::Pending,
        }
    }

    /// Unread bytes are not an error here: PINGs and SETTINGS may arrive at any time.
    pub(crate) fn check(&mut self) -> Result<(), Unusable> {
        if self.session.is_retired() {
            return Err(self.session.why_unusable());
        }
        if self.session.is_suspect() {
            let error = io::Error::new(io::ErrorKind::TimedOut, SILENT);
            return Err(Unusable::Failed(error));
        }
        match self.session.transport.check() {
            Err(Unusable::UnexpectedData) => Ok(()),
            // The task may not have reported the reason yet.
            Err(Unusable::Closed) => Err(self.session.why_unusable()),
            checked => checked,
        }
    }

    /// Closes the connection gracefully, then the transport.
    pub(crate) fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // hyper ends once its sender is dropped.
        self.session.retire();
        if !self.task.is_finished() {
            // The task fails only by being aborted with its runtime.
            let _ended = ready!(Pin::new(&mut self.task).poll(context));
        }
        self.session.transport.poll_close(context)
    }
}

/// Closes the connection at once, not gracefully, even if handles exist.
impl<T> Drop for Main<T> {
    fn drop(&mut self) {
        self.task.abort();
        self.session.retire();
        self.session.transport.close_now();
    }
}

impl<T> Http2<T> {
    /// Sends a request and waits for the head of its response.
    ///
    /// If the future is dropped before it is ready, only its stream is reset.
    pub(crate) async fn send(
        &mut self,
        request: impl FnOnce() -> Request<Outgoing>,
    ) -> Result<Response<Incoming>, Unanswered> {
        // Built before the lock is taken, because it runs code of the user.
        let request = request();
        let response = {
            let mut sender = lock(&self.session.sender);
            match &mut *sender {
                Some(sender) => sender.try_send_request(request),
                None => {
                    return Err(Unanswered::unsent(
                        self.why_ended(RETIRED),
                        request.into_body(),
                    ));
                }
            }
        };
        self.is_busy = true;
        let wait = Wait::new(&self.session);
        let response = response.await;
        wait.end();
        let response = response.map_err(|mut failed| {
            if let Some(request) = failed.take_message() {
                let error = self.why_ended(failed.into_error());
                return Unanswered::unsent(error, request.into_body());
            }
            let error = failed.into_error();
            if let Some(excess) = self.session.excess(&error) {
                return Unanswered::new(Failure::Partial, excess);
            }
            if self.session.is_unopened(&error) {
                return Unanswered::new(Failure::PassedOver, self.why_ended(RETIRED));
            }
            let mut failure = failure(&error);
            if wants_one(&error)
                && let Some((hosts, host)) = &self.session.one_only
            {
                hosts.add(host);
                self.session.retire();
                failure = Failure::WrongVersion;
            }
            Unanswered::new(failure, self.session.explain(error.into()))
        })?;
        if let Some(limits) = self.session.limits {
            let checked = limits.check(Part::Head, response.headers());
            checked.map_err(|excess| Unanswered::new(Failure::Partial, excess))?;
        }
        Ok(response)
    }

    /// The reason why a request was not sent: hyper reports the end of the connection only to the
    /// first one.
    fn why_ended(&self, otherwise: impl Into<BoxError>) -> BoxError {
        match self.session.failure.get() {
            Some(failure) => self.session.explain(Ended::new(failure).into()),
            None => otherwise.into(),
        }
    }
}

/// Dropping hyper's future or body resets an unfinished exchange; this counts the reset. After
/// enough of them, the connection takes exchanges only through existing handles.
impl<T> Drop for Http2<T> {
    fn drop(&mut self) {
        let session = &self.session;
        if self.is_busy && session.resets.fetch_add(1, Ordering::Relaxed) + 1 == ENOUGH_RESETS {
            session.retired.store(true, Ordering::Release);
            session.wake();
        }
    }
}

/// How many streams of a connection are reset before it is replaced.
///
/// A server may send frames on a stream before it learns of our reset. h2 ignores them while it
/// remembers the stream. Later each such frame is a stream error, and after 1,024 of them h2 ends
/// the connection with all its exchanges. So h2 remembers all resets, at some hundred bytes each,
/// and the connection takes no more exchanges long before. Frames that h2 rejects count too, once
/// for each exchange, and current exchanges may still fail.
const ENOUGH_RESETS: usize = 512;

/// A wait for a response. If it is cancelled after a while of silence, the peer may be gone.
struct Wait<'a, T> {
    session: Option<&'a Session<T>>,
    since: Instant,
    heard: u64,
}

impl<'a, T> Wait<'a, T> {
    fn new(session: &'a Session<T>) -> Self {
        session.sent.fetch_add(1, Ordering::Relaxed);
        Self {
            session: session.is_doubtful.then_some(session),
            since: Instant::now(),
            heard: session.transport.received(),
        }
    }

    /// Ends the wait: a response or an error arrived.
    fn end(mut self) {
        self.session = None;
    }
}

impl<T> Drop for Wait<'_, T> {
    fn drop(&mut self) {
        let Some(session) = self.session else { return };
        if self.since.elapsed() >= A_WHILE && session.transport.received() == self.heard {
            session.suspect();
        }
    }
}

// Much longer than a round trip.
const A_WHILE: Duration = Duration::from_secs(1);

const SILENT: &str = "nothing has been heard of the peer";
const RETIRED: &str = "the connection takes no more requests";
