//! The connections of the default connector.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::connect::platform::UnixStream;
use crate::connect::resolve::Residence;
use crate::connect::scheme::Stream;
#[cfg(feature = "tls")]
use crate::connect::tls;
use crate::connect::wire::Wire;
use crate::connect::{Connection, Unusable, socket};

/// A connection opened by [`NetConnector`](crate::NetConnector).
///
/// With TLS, an end of the stream without `close_notify` from the peer is an error of kind
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof), because data may be missing. Written data may
/// remain buffered until it is flushed.
pub struct NetStream {
    pub(super) kind: Kind,
    /// The address of a name that it was opened to, if it was.
    residence: Option<Box<Residence>>,
}

pub(crate) enum Kind {
    Wire(Wire),
    Unix(UnixStream),
    #[cfg(feature = "tls")]
    Tls(Box<tls::TlsStream>),
    Other(Box<dyn Stream>),
}

impl NetStream {
    pub(crate) fn new(kind: Kind, residence: Option<Box<Residence>>) -> Self {
        Self { kind, residence }
    }

    /// The TCP stream, unless it is a Unix socket, belongs to a registered connector, or carries
    /// TLS with the host or a proxy.
    pub fn as_tcp(&self) -> Option<&TcpStream> {
        match &self.kind {
            Kind::Wire(Wire::Tcp(stream)) => Some(stream),
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
}

impl Connection for NetStream {
    fn poll_unusable(&mut self, context: &mut Context<'_>) -> Poll<Unusable> {
        if let Some(residence) = &mut self.residence
            && residence.poll_gone(context).is_ready()
        {
            return Poll::Ready(Unusable::AddressGone);
        }
        match &mut self.kind {
            Kind::Wire(wire) => wire.poll_unusable(context),
            Kind::Unix(stream) => socket::poll_unusable(stream, context),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => stream.poll_unusable(context),
            Kind::Other(stream) => stream.poll_unusable(context),
        }
    }

    fn poll_retired(&mut self, context: &mut Context<'_>) -> Poll<Unusable> {
        match (&mut self.residence, &mut self.kind) {
            (Some(residence), _) => residence.poll_gone(context).map(|()| Unusable::AddressGone),
            (None, Kind::Other(stream)) => stream.poll_retired(context),
            (None, _) => Poll::Pending,
        }
    }

    fn check(&mut self) -> Result<(), Unusable> {
        if let Some(residence) = &self.residence
            && residence.is_gone()
        {
            return Err(Unusable::AddressGone);
        }
        match &mut self.kind {
            Kind::Wire(wire) => wire.check(),
            Kind::Unix(stream) => socket::check(stream),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => stream.check(),
            Kind::Other(stream) => stream.check(),
        }
    }

    fn protocol(&self) -> Option<&[u8]> {
        match &self.kind {
            Kind::Wire(_) | Kind::Unix(_) => None,
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => stream.info().alpn(),
            Kind::Other(stream) => stream.protocol(),
        }
    }

    fn offered_protocols(&self) -> &[Vec<u8>] {
        match &self.kind {
            Kind::Wire(_) | Kind::Unix(_) => &[],
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => stream.offered_protocols(),
            Kind::Other(stream) => stream.offered_protocols(),
        }
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.kind {
            Kind::Wire(wire) => wire.poll_close(context),
            Kind::Unix(_) => Poll::Ready(()),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => stream.poll_close(context),
            Kind::Other(stream) => stream.poll_close(context),
        }
    }
}

/// Calls a method of the inner stream, pinned.
macro_rules! each {
    ($self:ident, $stream:ident => $call:expr) => {
        match &mut $self.get_mut().kind {
            Kind::Wire(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Kind::Unix(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => {
                let $stream = Pin::new(&mut **stream);
                $call
            }
            Kind::Other(stream) => {
                let $stream = Pin::new(&mut **stream);
                $call
            }
        }
    };
}

impl AsyncRead for NetStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for NetStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_shutdown(context))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.kind {
            Kind::Wire(stream) => stream.is_write_vectored(),
            Kind::Unix(stream) => stream.is_write_vectored(),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => stream.is_write_vectored(),
            Kind::Other(stream) => stream.is_write_vectored(),
        }
    }
}

impl fmt::Debug for NetStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Wire(stream) => stream.fmt(f),
            Kind::Unix(stream) => stream.fmt(f),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => stream.fmt(f),
            Kind::Other(_) => f.debug_struct("NetStream").finish_non_exhaustive(),
        }
    }
}
