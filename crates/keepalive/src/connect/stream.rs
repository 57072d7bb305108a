//! The connections of the default connector.

use std::fmt;
use std::io::{self, IoSlice};
#[cfg(feature = "tls")]
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::connect::platform::UnixStream;
use crate::connect::resolve::AddressWatch;
use crate::connect::scheme::Stream;
#[cfg(feature = "tls")]
use crate::connect::tls;
use crate::connect::{Connection, Unusable, socket};

/// A connection opened by [`NetConnector`](crate::NetConnector).
///
/// With TLS, an end of the stream without `close_notify` from the peer is an error of kind
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof), because data may be missing. Written data may
/// remain buffered until it is flushed.
pub struct NetStream {
    pub(super) kind: Kind,
    /// The address of a name that it was opened to, if it was.
    pub(super) address_watch: Option<Box<AddressWatch>>,
}

pub(crate) enum Kind {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// A TLS session with the host.
    #[cfg(feature = "tls")]
    Tls(Box<tls::TlsStream>),
    /// A TLS session with a proxy, which has opened a tunnel in it.
    #[cfg(feature = "tls")]
    #[cfg_attr(
        not(feature = "proxy"),
        expect(dead_code, reason = "proxies open tunnels")
    )]
    Tunnel(Box<tls::TlsStream>),
    Other(Box<dyn Stream>),
}

impl NetStream {
    pub(crate) fn new(kind: Kind, address_watch: Option<Box<AddressWatch>>) -> Self {
        Self {
            kind,
            address_watch,
        }
    }

    /// The TCP stream, unless it is a Unix socket, belongs to a registered connector, or carries
    /// TLS with the host or a proxy.
    pub fn as_tcp(&self) -> Option<&TcpStream> {
        match &self.kind {
            Kind::Tcp(stream) => Some(stream),
            _ => None,
        }
    }

    /// The negotiated parameters, if it is a TLS stream.
    #[cfg(feature = "tls")]
    pub fn tls(&self) -> Option<tls::TlsInfo<'_>> {
        match &self.kind {
            Kind::Tls(stream) => Some(stream.info()),
            _ => None,
        }
    }

    /// The address of the socket's peer, below all layers.
    #[cfg(feature = "tls")]
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        match &self.kind {
            Kind::Tcp(stream) => stream.peer_addr().ok(),
            Kind::Tunnel(tunnel) => tunnel.stream.get_ref().0.peer(),
            _ => None,
        }
    }

    fn writer(&mut self) -> &mut (dyn AsyncWrite + Unpin) {
        match &mut self.kind {
            Kind::Tcp(stream) => stream,
            Kind::Unix(stream) => stream,
            #[cfg(feature = "tls")]
            Kind::Tls(stream) | Kind::Tunnel(stream) => stream.in_use(),
            Kind::Other(stream) => stream,
        }
    }
}

impl Connection for NetStream {
    fn poll_unusable(&mut self, context: &mut Context<'_>) -> Poll<Unusable> {
        if let Some(address_watch) = &mut self.address_watch
            && address_watch.poll_gone(context).is_ready()
        {
            return Poll::Ready(Unusable::AddressGone);
        }
        match &mut self.kind {
            Kind::Tcp(stream) => socket::poll_unusable(stream, context),
            Kind::Unix(stream) => socket::poll_unusable(stream, context),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) | Kind::Tunnel(stream) => stream.poll_unusable(context),
            Kind::Other(stream) => stream.poll_unusable(context),
        }
    }

    fn poll_retired(&mut self, context: &mut Context<'_>) -> Poll<Unusable> {
        match (&mut self.address_watch, &mut self.kind) {
            (Some(address_watch), _) => address_watch
                .poll_gone(context)
                .map(|()| Unusable::AddressGone),
            (None, Kind::Other(stream)) => stream.poll_retired(context),
            (None, _) => Poll::Pending,
        }
    }

    fn check(&mut self) -> Result<(), Unusable> {
        if let Some(address_watch) = &self.address_watch
            && address_watch.is_gone()
        {
            return Err(Unusable::AddressGone);
        }
        match &mut self.kind {
            Kind::Tcp(stream) => socket::check(stream),
            Kind::Unix(stream) => socket::check(stream),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) | Kind::Tunnel(stream) => stream.check(),
            Kind::Other(stream) => stream.check(),
        }
    }

    fn protocol(&self) -> Option<&[u8]> {
        match &self.kind {
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => stream.info().alpn(),
            Kind::Other(stream) => stream.protocol(),
            _ => None,
        }
    }

    fn offered_protocols(&self) -> &[Vec<u8>] {
        match &self.kind {
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => &stream.offered,
            Kind::Other(stream) => stream.offered_protocols(),
            _ => &[],
        }
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.kind {
            Kind::Tcp(_) | Kind::Unix(_) => Poll::Ready(()),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) | Kind::Tunnel(stream) => stream.poll_close(context),
            Kind::Other(stream) => stream.poll_close(context),
        }
    }
}

impl AsyncRead for NetStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Kind::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) | Kind::Tunnel(stream) => stream.poll_read(context, buffer),
            Kind::Other(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for NetStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.writer()).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.writer()).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.writer()).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.writer()).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.kind {
            Kind::Other(stream) => stream.is_write_vectored(),
            _ => true,
        }
    }
}

impl fmt::Debug for NetStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Tcp(stream) => stream.fmt(f),
            Kind::Unix(stream) => stream.fmt(f),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) | Kind::Tunnel(stream) => stream.fmt(f),
            Kind::Other(_) => f.debug_struct("NetStream").finish_non_exhaustive(),
        }
    }
}
