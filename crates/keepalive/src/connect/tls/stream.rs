//! An encrypted stream, in use and idle.

use std::fmt;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::ClientConnection;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client;

use crate::connect::stream::{Kind, NetStream};
use crate::connect::tls::error;
use crate::connect::tls::info::TlsInfo;
use crate::connect::{Connection, Unusable};

/// Bytes that a peer may send on an idle connection without involving its user. There is room for
/// some session tickets, each as large as the certificates in it.
const MOST_UNASKED: usize = 64 * 1024;

/// A TLS session after its handshake, over TCP or within a TLS session with a proxy.
pub(crate) struct TlsStream {
    pub(crate) stream: client::TlsStream<NetStream>,
    /// The application protocols that the handshake offered.
    pub(crate) offered: Vec<Vec<u8>>,
    /// Bytes that the peer may still send before the next use.
    allowed: usize,
}

impl TlsStream {
    pub(crate) fn new(stream: client::TlsStream<NetStream>, offered: Vec<Vec<u8>>) -> Self {
        Self {
            stream,
            offered,
            allowed: MOST_UNASKED,
        }
    }

    pub(crate) fn info(&self) -> TlsInfo<'_> {
        let session = self.stream.get_ref().1;
        TlsInfo { session }
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

    /// The stream for its user.
    pub(crate) fn in_use(&mut self) -> &mut client::TlsStream<NetStream> {
        self.allowed = MOST_UNASKED;
        &mut self.stream
    }

    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(self.in_use()).poll_read(context, buffer);
        read.map_err(|error| error::explain(error, error::CUT))
    }

    /// Processes session tickets and continues to watch. It only peeks at the socket until data
    /// arrives, so an idle session holds no read buffer.
    pub(crate) fn poll_unusable(&mut self, context: &mut Context<'_>) -> Poll<Unusable> {
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

    pub(crate) fn check(&mut self) -> Result<(), Unusable> {
        // An earlier check may have read user data into the session, whose buffer would have no
        // room for more.
        nothing_unasked(self.stream.get_mut().1)?;
        match self.stream.get_mut().0.check() {
            Err(Unusable::UnexpectedData) => self.take_in(),
            other => other,
        }
    }

    /// Sends `close_notify`.
    pub(crate) fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // A failure is ignored, because the peer is gone.
        let _ = ready!(Pin::new(&mut self.stream).poll_shutdown(context));
        // With unread bytes the system would reset the connection, and the peer could lose data
        // that it has not read yet.
        let _ = self.take_in();
        Poll::Ready(())
    }

    /// Passes all that the idle socket has received to the session.
    ///
    /// It reads the transport without the reactor, so tasks that wait for readability keep waiting.
    fn take_in(&mut self) -> Result<(), Unusable> {
        let (stream, session) = self.stream.get_mut();
        loop {
            if self.allowed == 0 {
                return Err(Unusable::UnexpectedData);
            }
            match session.read_tls(&mut Arrived(stream).take(self.allowed as u64)) {
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

/// The data that has arrived in a stream.
struct Arrived<'a>(&'a mut NetStream);

impl Read for Arrived<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match &mut self.0.kind {
            Kind::Tcp(socket) => (&*SockRef::from(&*socket)).read(bytes),
            #[cfg(feature = "proxy")]
            Kind::Tunnel(stream) => stream.read_now(bytes),
            _ => Err(io::ErrorKind::Unsupported.into()),
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

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream")
            .field("stream", self.stream.get_ref().0)
            .field("tls", &self.info())
            .finish_non_exhaustive()
    }
}
