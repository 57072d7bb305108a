//! An encrypted stream, in use and idle.

use std::fmt;
#[cfg(feature = "proxy")]
use std::future::poll_fn;
use std::io::{self, IoSlice, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::ClientConnection;
#[cfg(feature = "proxy")]
use tokio::io::AsyncBufRead;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client;

use crate::connect::tls::error;
use crate::connect::tls::info::TlsInfo;
use crate::connect::wire::Wire;
use crate::connect::{Connection, Unusable};

/// Bytes that a peer may send on an idle connection without involving its user. There is room for
/// some session tickets, each as large as the certificates in it.
const MOST_UNASKED: usize = 64 * 1024;

/// A TLS session after its handshake, over TCP or within a TLS session with a proxy.
pub(crate) struct TlsStream {
    stream: client::TlsStream<Wire>,
    offered: Vec<Vec<u8>>,
    /// Bytes that the peer may still send before the next use.
    allowed: usize,
}

impl TlsStream {
    /// The stream of a handshake that offered these application protocols.
    pub(crate) fn new(stream: client::TlsStream<Wire>, offered: Vec<Vec<u8>>) -> Self {
        Self {
            stream,
            offered,
            allowed: MOST_UNASKED,
        }
    }

    pub(crate) fn info(&self) -> TlsInfo<'_> {
        TlsInfo::new(self.session())
    }

    pub(crate) fn offered_protocols(&self) -> &[Vec<u8>] {
        &self.offered
    }

    fn session(&self) -> &ClientConnection {
        self.stream.get_ref().1
    }

    /// The socket below all layers.
    pub(crate) fn socket(&self) -> &TcpStream {
        self.stream.get_ref().0.socket()
    }

    /// Waits for data and copies its beginning without consuming it.
    #[cfg(feature = "proxy")]
    pub(crate) async fn peek(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        poll_fn(|context| {
            let there = ready!(Pin::new(&mut self.stream).poll_fill_buf(context))?;
            let count = there.len().min(bytes.len());
            bytes[..count].copy_from_slice(&there[..count]);
            Poll::Ready(Ok(count))
        })
        .await
        .map_err(error::explain)
    }

    /// Reads the available data of this session without waiting.
    #[cfg(feature = "proxy")]
    pub(crate) fn read_now(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.get_mut().1.reader().read(bytes);
        if !matches!(&read, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            return read;
        }
        let taken_in = self.take_in();
        match (self.stream.get_mut().1.reader().read(bytes), taken_in) {
            (Err(_), Err(Unusable::Failed(error))) => Err(error),
            (Err(_), Err(Unusable::Closed)) => Ok(0),
            (Err(_), Err(other)) => Err(io::Error::other(other.to_string())),
            (read, _) => read,
        }
    }

    fn in_use(self: Pin<&mut Self>) -> Pin<&mut client::TlsStream<Wire>> {
        let this = self.get_mut();
        this.allowed = MOST_UNASKED;
        Pin::new(&mut this.stream)
    }

    /// Passes all that the idle socket has received to the session.
    ///
    /// It reads the transport without the reactor, so tasks that wait for readability keep waiting.
    fn take_in(&mut self) -> Result<(), Unusable> {
        let (wire, session) = self.stream.get_mut();
        loop {
            if self.allowed == 0 {
                return Err(Unusable::UnexpectedData);
            }
            match session.read_tls(&mut wire.take(self.allowed as u64)) {
                Ok(0) => return Err(Unusable::Closed),
                Ok(count) => {
                    self.allowed -= count;
                    nothing_unasked(session)?;
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(()),
                    io::ErrorKind::Interrupted => {}
                    _ => return Err(Unusable::Failed(error)),
                },
            }
        }
    }
}

/// Checks that the session has neither data nor an end for its user.
fn nothing_unasked(session: &mut ClientConnection) -> Result<(), Unusable> {
    let state = session.process_new_packets();
    let state = state.map_err(|error| Unusable::Failed(error::explained(error)))?;
    if state.plaintext_bytes_to_read() > 0 {
        Err(Unusable::UnexpectedData)
    } else if state.peer_has_closed() {
        Err(Unusable::Closed)
    } else {
        Ok(())
    }
}

impl Connection for TlsStream {
    /// Processes session tickets and continues to watch. It only peeks at the socket until data
    /// arrives, so an idle session holds no read buffer.
    fn poll_unusable(&mut self, context: &mut Context<'_>) -> Poll<Unusable> {
        // Data that the user left unread may be in the session, not in the socket.
        if let Err(unusable) = nothing_unasked(self.stream.get_mut().1) {
            return Poll::Ready(unusable);
        }
        loop {
            let taken_in = match ready!(self.stream.get_mut().0.poll_unusable(context)) {
                Unusable::UnexpectedData => self.take_in(),
                other => Err(other),
            };
            if let Err(unusable) = taken_in {
                return Poll::Ready(unusable);
            }
        }
    }

    fn check(&mut self) -> Result<(), Unusable> {
        // An earlier check may have read user data into the session, whose buffer would have no
        // room for more.
        nothing_unasked(self.stream.get_mut().1)?;
        match self.stream.get_mut().0.check() {
            Err(Unusable::UnexpectedData) => self.take_in(),
            other => other,
        }
    }

    /// Sends `close_notify`.
    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // A failure is ignored, because the peer is gone.
        let _ = ready!(Pin::new(&mut self.stream).poll_shutdown(context));
        // With unread bytes the system would reset the connection, and the peer could lose data
        // that it has not read yet.
        let _ = self.take_in();
        Poll::Ready(())
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.in_use().poll_read(context, buffer);
        read.map_err(error::explain)
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.in_use().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.in_use().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.in_use().poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.in_use().poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream")
            .field("socket", self.socket())
            .field("tls", &self.info())
            .finish_non_exhaustive()
    }
}
