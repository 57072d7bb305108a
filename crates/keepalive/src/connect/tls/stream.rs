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

/// What a peer may send on an idle connection without a word to its user: room for some session
/// tickets, each as large as the certificates in it.
const MOST_UNASKED: usize = 64 * 1024;

/// A TLS session, its handshake done: over TCP, or in one with a proxy.
pub(crate) struct TlsStream {
    stream: client::TlsStream<Wire>,
    offered: Vec<Vec<u8>>,
    /// How much more may come until a user has it again.
    allowed: usize,
}

impl TlsStream {
    /// That of a handshake which offered these application protocols.
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

    /// The socket below all.
    pub(crate) fn socket(&self) -> &TcpStream {
        self.stream.get_ref().0.socket()
    }

    /// Waits for something to read, and looks at the beginning of it, which stays.
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

    /// Reads what has come for whoever speaks within this session, and waits for nothing.
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

    /// Has the session take in all that the socket has received while it was idle.
    ///
    /// What is below is read past the reactor, so whoever waits for it to be readable still does.
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

/// Whether the session has nothing for a user: neither data, nor an end.
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
    /// Session tickets are taken in, and the watch goes on. The socket is only peeked at until
    /// there is something, so that a session which is idle holds no buffer to read into.
    fn poll_unusable(&mut self, context: &mut Context<'_>) -> Poll<Unusable> {
        // What its user left unread may be here, and not in the socket.
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
        // A check before may have taken data in for whoever reads; more of it would find no room.
        nothing_unasked(self.stream.get_mut().1)?;
        match self.stream.get_mut().0.check() {
            Err(Unusable::UnexpectedData) => self.take_in(),
            other => other,
        }
    }

    /// Tells the peer that this is the end.
    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // If it fails there is nobody left to be told.
        let _ = ready!(Pin::new(&mut self.stream).poll_shutdown(context));
        // Bytes left unread would make the system reset the connection, and the peer might lose
        // what it has not read yet.
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
