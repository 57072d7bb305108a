//! Unix: sockets with paths, file descriptors and the modes of files.

#[cfg(feature = "tls")]
use std::fs::OpenOptions;
use std::future::poll_fn;
use std::io;
#[cfg(feature = "tls")]
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::task::{Context, Poll};

use socket2::{Domain, SockAddr, SockRef};
use tokio::io::Interest;

use crate::connect::platform::new_socket;
use crate::connect::socket::{Socket, connect};
use crate::connect::stream::{Kind, NetStream};

pub(crate) use tokio::net::UnixStream;

/// The numbers of the system's errors.
pub mod errno {
    pub use libc::{
        EAFNOSUPPORT, ECONNREFUSED, ECONNRESET, EHOSTUNREACH, ENETUNREACH, ENOPROTOOPT, ETIMEDOUT,
    };
}

/// Connects to the Unix socket at `path`.
pub(crate) async fn open_unix(path: &Path) -> io::Result<UnixStream> {
    let socket = new_socket(Domain::UNIX, None)?;
    // This also saves waiting for the reactor, except on systems that return `EINPROGRESS`.
    let connected = connect(&socket, &SockAddr::unix(path)?)?;
    let stream = UnixStream::from_std(socket.into())?;
    if !connected {
        poll_fn(|context| stream.poll_write_ready(context)).await?;
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
    }
    Ok(stream)
}

impl NetStream {
    /// The Unix stream, if it is one. Windows lacks this method.
    pub fn as_unix(&self) -> Option<&UnixStream> {
        match &self.kind {
            Kind::Unix(stream) => Some(stream),
            _ => None,
        }
    }
}

impl Socket for UnixStream {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_read_ready(context)
    }

    fn try_io<R>(&self, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        Self::try_io(self, Interest::READABLE, operation)
    }

    fn system(&self) -> SockRef<'_> {
        self.into()
    }
}

/// Whether `error` of `connect(2)` means that the connection is being established.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS)
}

/// Whether this is the number of an error for lack of a file descriptor.
pub(crate) fn wants_descriptor(number: i32) -> bool {
    matches!(number, libc::EMFILE | libc::ENFILE)
}

/// Fails if no file descriptor is available.
pub(crate) fn has_descriptor() -> io::Result<()> {
    new_socket(Domain::UNIX, None).map(drop)
}

/// Makes a new file accessible to its owner only.
#[cfg(feature = "tls")]
pub(crate) fn owned_by_one(options: &mut OpenOptions) {
    options.mode(0o600);
}
