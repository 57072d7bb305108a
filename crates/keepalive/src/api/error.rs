//! Why a request was answered without a connection.

use std::error::Error;
use std::fmt;
use std::io;

use keepalive_engine::{Reason, RequestId, Timing, Waiting};

use crate::api::host::Host;
use crate::connect::platform::errno;
use crate::connect::{ConnectError, system_text};

/// The kind of an [`AllocateError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The deadline of the request passed.
    Timeout,
    /// The attempt to open a connection failed, or the new connection was unusable.
    Connect,
    /// The queue was full.
    QueueFull,
    /// [`Manager::cancel`](crate::Manager::cancel) withdrew the request.
    Cancelled,
    /// The manager has been shut down, or its last handle has been dropped.
    ShutDown,
    /// There is no tokio runtime, or it has been shut down.
    Runtime,
}

/// Why a request was answered without a connection.
///
/// The message names the host, the function that failed and the error.
///
/// # Examples
///
/// ```
/// use keepalive::{ErrorKind, Manager, Request};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
/// let manager = Manager::new();
/// let error = manager.allocate(Request::new("http", "127.0.0.1", port)?).await.unwrap_err();
///
/// assert_eq!(error.kind(), ErrorKind::Connect);
/// assert_eq!(error.function(), "connect");
/// assert_eq!(error.error_num(), Some(111)); // ECONNREFUSED, on Linux
/// assert_eq!(error.error_str(), "Connection refused");
/// # Ok(())
/// # }
/// ```
pub struct AllocateError {
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    id: RequestId,
    host: Host,
    timing: Timing,
    cause: Cause,
}

/// The cause of an [`AllocateError`].
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// With the system's error, if the request waited for a file descriptor.
    TimedOut(Waiting, Option<ConnectError>),
    Failed(ConnectError),
    QueueFull {
        max: usize,
    },
    Cancelled,
    ShutDown,
    NoRuntime,
    NoTimers,
    RuntimeGone,
}

impl AllocateError {
    pub(crate) fn new(id: RequestId, host: Host, timing: Timing, cause: Cause) -> Self {
        Self {
            inner: Box::new(Inner {
                id,
                host,
                timing,
                cause,
            }),
        }
    }

    /// The kind of error.
    pub fn kind(&self) -> ErrorKind {
        self.kind_and_function().0
    }

    /// The function that failed.
    ///
    /// For a timeout: the phase it interrupted, `queue`, `resolve`, `connect`, `proxy` or `tls`.
    /// For a failed attempt: the function that its connector reported, such as `resolve`, `bind`,
    /// `connect` or `tls`. It is `check` if, twice, a newly opened connection was unusable before
    /// it was taken. Otherwise `queue`, `cancel`, `shutdown` or `runtime`.
    pub fn function(&self) -> &str {
        self.kind_and_function().1
    }

    fn kind_and_function(&self) -> (ErrorKind, &'static str) {
        match &self.inner.cause {
            Cause::TimedOut(waiting, _) => (ErrorKind::Timeout, phase(waiting.reason())),
            Cause::Failed(error) => (ErrorKind::Connect, error.function()),
            Cause::QueueFull { .. } => (ErrorKind::QueueFull, "queue"),
            Cause::Cancelled => (ErrorKind::Cancelled, "cancel"),
            Cause::ShutDown => (ErrorKind::ShutDown, "shutdown"),
            Cause::NoRuntime | Cause::NoTimers | Cause::RuntimeGone => {
                (ErrorKind::Runtime, "runtime")
            }
        }
    }

    /// The number of the system's error; `None` if the system reported none.
    ///
    /// For a timeout, `ETIMEDOUT`. If no file descriptor was available, the number of that error is
    /// among the causes ([`source`](std::error::Error::source)).
    pub fn error_num(&self) -> Option<i32> {
        match &self.inner.cause {
            Cause::TimedOut(..) => Some(errno::ETIMEDOUT),
            Cause::Failed(error) => error.error_num(),
            _ => None,
        }
    }

    /// The error in words; the system's own text if there is an [`error_num`](Self::error_num).
    pub fn error_str(&self) -> String {
        match &self.inner.cause {
            Cause::TimedOut(..) => system_text(errno::ETIMEDOUT),
            Cause::Failed(error) => error.error_str(),
            Cause::QueueFull { max } => format!("the queue is full: {max} requests wait already"),
            Cause::Cancelled => "the request was cancelled".to_owned(),
            Cause::ShutDown => "the manager has been shut down".to_owned(),
            Cause::NoRuntime => "there is no tokio runtime: call the manager from within one, \
                                 for example from `#[tokio::main]`"
                .to_owned(),
            Cause::NoTimers => {
                "the tokio runtime has no timers: build it with `enable_all` or `enable_time`"
                    .to_owned()
            }
            Cause::RuntimeGone => {
                "the tokio runtime that served this manager has been shut down".to_owned()
            }
        }
    }

    /// Whether the same request may succeed a little later.
    ///
    /// True for timeouts, for a full queue, and for connections refused, reset, closed or
    /// unreachable.
    pub fn is_retryable(&self) -> bool {
        match &self.inner.cause {
            Cause::TimedOut(..) | Cause::QueueFull { .. } => true,
            Cause::Failed(error) => matches!(
                error.io_kind(),
                Some(
                    io::ErrorKind::ConnectionRefused
                        | io::ErrorKind::ConnectionReset
                        | io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::BrokenPipe
                        | io::ErrorKind::HostUnreachable
                        | io::ErrorKind::NetworkUnreachable
                        | io::ErrorKind::NetworkDown
                        | io::ErrorKind::TimedOut
                        | io::ErrorKind::Interrupted
                        | io::ErrorKind::WouldBlock
                        | io::ErrorKind::AddrInUse
                        | io::ErrorKind::ResourceBusy
                )
            ),
            _ => false,
        }
    }

    /// The time from the request to this answer, by phase.
    pub fn timing(&self) -> Timing {
        self.inner.timing
    }

    /// For a timeout: why the request was waiting at that moment.
    pub fn waiting(&self) -> Option<Waiting> {
        match self.inner.cause {
            Cause::TimedOut(waiting, _) => Some(waiting),
            _ => None,
        }
    }

    /// The request that this answers.
    pub fn id(&self) -> RequestId {
        self.inner.id
    }

    /// The host of the request.
    pub fn host(&self) -> &Host {
        &self.inner.host
    }
}

impl fmt::Debug for AllocateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllocateError")
            .field("id", &self.inner.id)
            .field("host", &self.inner.host)
            .field("cause", &self.inner.cause)
            .field("timing", &self.inner.timing)
            .finish()
    }
}

impl fmt::Display for AllocateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no connection to {}: ", self.inner.host)?;
        match &self.inner.cause {
            Cause::TimedOut(waiting, wanted) => {
                let reason = waiting.reason();
                write!(
                    f,
                    "timed out after {:?} in {}: {}",
                    self.inner.timing.total(),
                    phase(reason),
                    reason
                )?;
                wanted.iter().try_for_each(|error| write!(f, ": {error}"))
            }
            Cause::Failed(error) => error.fmt(f),
            _ => f.write_str(&self.error_str()),
        }
    }
}

impl Error for AllocateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.inner.cause {
            Cause::Failed(error) | Cause::TimedOut(_, Some(error)) => Some(error),
            _ => None,
        }
    }
}

fn phase(reason: Reason) -> &'static str {
    match reason {
        Reason::Resolving => "resolve",
        Reason::Connecting | Reason::Descriptor => "connect",
        Reason::Tunnelling => "proxy",
        Reason::Handshaking => "tls",
        _ => "queue",
    }
}
