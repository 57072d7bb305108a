//! The common code of TCP and Unix sockets: creation, and the check whether a socket is still
//! usable.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::task::{Context, Poll};

use socket2::{Domain, Protocol, SockAddr, SockRef, Type};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

use crate::connect::Unusable;

/// A non-blocking stream socket, made with as few system calls as possible.
pub(crate) fn new(domain: Domain, protocol: Option<Protocol>) -> io::Result<socket2::Socket> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    return socket2::Socket::new(domain, Type::STREAM.nonblocking(), protocol);

    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    {
        let socket = socket2::Socket::new(domain, Type::STREAM, protocol)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

/// Begins to connect. True if the connection is already established.
pub(crate) fn connect(socket: &socket2::Socket, address: &SockAddr) -> io::Result<bool> {
    match socket.connect(address) {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A socket that tokio watches.
pub(crate) trait Socket: AsFd {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
    fn try_io<R>(&self, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R>;
}

impl Socket for TcpStream {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_read_ready(context)
    }

    fn try_io<R>(&self, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        Self::try_io(self, Interest::READABLE, operation)
    }
}

impl Socket for UnixStream {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_read_ready(context)
    }

    fn try_io<R>(&self, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        Self::try_io(self, Interest::READABLE, operation)
    }
}

/// Ready when an idle socket has something to read: an end, an error, or unrequested bytes. Costs
/// no system call until the reactor reports readiness.
pub(crate) fn poll_unusable(socket: &impl Socket, context: &mut Context<'_>) -> Poll<Unusable> {
    loop {
        match socket.poll_readable(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(error)) => return Poll::Ready(Unusable::Failed(error)),
            Poll::Ready(Ok(())) => {}
        }
        // `try_io` clears stale readiness when the system returns "would block".
        if let Some(unusable) = unusable(socket.try_io(|| peek(socket))) {
            return Poll::Ready(unusable);
        }
    }
}

/// Checks with the system whether an idle socket has something to read.
pub(crate) fn check(socket: &impl Socket) -> Result<(), Unusable> {
    loop {
        let peeked = peek(socket);
        if matches!(&peeked, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
            continue;
        }
        return unusable(peeked).map_or(Ok(()), Err);
    }
}

/// Peeks at one byte.
fn peek(socket: &impl Socket) -> io::Result<usize> {
    SockRef::from(socket).peek(&mut [MaybeUninit::uninit(); 1])
}

fn unusable(peeked: io::Result<usize>) -> Option<Unusable> {
    match peeked {
        Ok(0) => Some(Unusable::Closed),
        Ok(_) => Some(Unusable::UnexpectedData),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => None,
            _ => Some(Unusable::Failed(error)),
        },
    }
}
