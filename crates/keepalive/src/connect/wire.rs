//! The transport of bytes to a host: a socket, or a TLS session with a proxy.

use std::fmt;
use std::io::{self, IoSlice, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

#[cfg(all(feature = "proxy", feature = "tls"))]
use crate::connect::Connection;
#[cfg(all(feature = "proxy", feature = "tls"))]
use crate::connect::tls::TlsStream;
use crate::connect::{Unusable, socket};

pub(crate) enum Wire {
    Tcp(TcpStream),
    /// A TLS session with a proxy, which has opened a tunnel in it.
    #[cfg(all(feature = "proxy", feature = "tls"))]
    Tls(Box<TlsStream>),
}

/// Applies the same expression to either variant.
macro_rules! each {
    ($wire:expr, $stream:ident => $call:expr) => {
        match $wire {
            Wire::Tcp($stream) => $call,
            #[cfg(all(feature = "proxy", feature = "tls"))]
            Wire::Tls($stream) => $call,
        }
    };
}

impl Wire {
    /// The socket below all layers.
    #[cfg(feature = "tls")]
    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Self::Tcp(socket) => socket,
            #[cfg(feature = "proxy")]
            Self::Tls(stream) => stream.socket(),
        }
    }

    /// Watches the idle transport, as [`Connection::poll_unusable`](crate::Connection) does.
    pub(crate) fn poll_unusable(&mut self, context: &mut Context<'_>) -> Poll<Unusable> {
        match self {
            Self::Tcp(socket) => socket::poll_unusable(socket, context),
            #[cfg(all(feature = "proxy", feature = "tls"))]
            Self::Tls(stream) => stream.poll_unusable(context),
        }
    }

    /// Checks the transport with the system, as [`Connection::check`](crate::Connection) does.
    pub(crate) fn check(&mut self) -> Result<(), Unusable> {
        match self {
            Self::Tcp(socket) => socket::check(socket),
            #[cfg(all(feature = "proxy", feature = "tls"))]
            Self::Tls(stream) => stream.check(),
        }
    }

    pub(crate) fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let _ = &context;
        match self {
            Self::Tcp(_) => Poll::Ready(()),
            #[cfg(all(feature = "proxy", feature = "tls"))]
            Self::Tls(stream) => stream.poll_close(context),
        }
    }

    /// Waits for data and copies its beginning without consuming it.
    #[cfg(feature = "proxy")]
    pub(crate) async fn peek(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.peek(bytes).await,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.peek(bytes).await,
        }
    }
}

/// Reads available data without the reactor, so other tasks that wait for readability keep waiting.
impl Read for Wire {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => (&*SockRef::from(&*socket)).read(bytes),
            #[cfg(all(feature = "proxy", feature = "tls"))]
            Self::Tls(stream) => stream.read_now(bytes),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_read(context, buffer))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_shutdown(context))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        each!(self, stream => stream.is_write_vectored())
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        each!(self, stream => stream.fmt(f))
    }
}
