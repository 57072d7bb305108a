//! A connection that a hyper-util connector has opened.

use std::fmt::{self, Write as _};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};

use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use keepalive::{Connection, Unusable};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Connected;
use super::shelf::Place;
use super::streams::{Side, Streams};
use crate::http2::scanner::Scanner;

/// A connection that a hyper-util connector has opened, as a manager uses it.
///
/// The stream only has methods to read and write, and no descriptor for a check by system call. So
/// the check of an idle connection reads a byte. The next read returns a byte that the check found.
pub struct Transport<T> {
    /// `Some` until hyper takes the stream itself.
    io: Option<TokioIo<T>>,
    /// The connector's information about it.
    pub(crate) info: Info,
    /// The waker of the pending read.
    reader: Option<Waker>,
    /// A byte that a check has read and no read has returned yet.
    found: Option<u8>,
    /// The frame scanners for written and for read bytes, in HTTP/2.
    scanners: Option<(Scanner, Scanner)>,
    begun: bool,
}

impl<T: super::Connection> Transport<T> {
    pub(crate) fn new(io: T, place: Option<Place>) -> Self {
        Self {
            info: Info::new(io.connected(), place),
            io: Some(TokioIo::new(io)),
            reader: None,
            found: None,
            scanners: None,
            begun: false,
        }
    }
}

impl<T> Transport<T> {
    /// Takes the connector's stream out. There is no found byte before the connection was idle.
    pub(crate) fn take_io(&mut self) -> Option<T> {
        self.io.take().map(TokioIo::into_inner)
    }

    fn io(&mut self) -> io::Result<Pin<&mut TokioIo<T>>>
    where
        T: Unpin,
    {
        let io = self.io.as_mut().map(Pin::new);
        io.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<T> Transport<T> {
    fn written(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        // No HTTP/1.1 request begins like this (RFC 9113, section 3.4).
        if !std::mem::replace(&mut self.begun, true) && bytes.starts_with(&PREFACE[..4]) {
            self.scanners = Some((Scanner::after(PREFACE.len()), Scanner::default()));
        }
        if let Some((ours, _)) = &mut self.scanners {
            let streams = &self.info.streams;
            ours.scan(bytes, |frame| streams.take(Side::Ours, frame));
        }
    }

    fn read(&mut self, bytes: &[u8]) {
        if let Some((_, theirs)) = &mut self.scanners {
            let streams = &self.info.streams;
            theirs.scan(bytes, |frame| streams.take(Side::Theirs, frame));
        }
    }
}

impl<T: Read + Write + Unpin + Send + 'static> Connection for Transport<T> {
    /// Checks the connection by reading a byte.
    fn poll_unusable(&mut self, cx: &mut Context<'_>) -> Poll<Unusable> {
        if self.info.is_poisoned() {
            let error = io::Error::other("it has been poisoned");
            return Poll::Ready(Unusable::Failed(error));
        }
        if self.found.is_some() {
            return Poll::Ready(Unusable::UnexpectedData);
        }
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        let Some(io) = &mut self.io else {
            return Poll::Pending; // hyper reads it.
        };
        let read = ready!(Pin::new(io).poll_read(cx, &mut buffer));
        Poll::Ready(match (read, buffer.filled()) {
            (Err(error), _) => Unusable::Failed(error),
            (Ok(()), []) => Unusable::Closed,
            (Ok(()), filled) => {
                self.found = filled.first().copied();
                Unusable::UnexpectedData
            }
        })
    }

    fn check(&mut self) -> Result<(), Unusable> {
        // The pending read keeps its waker.
        let Some(reader) = self.reader.clone() else {
            return Ok(());
        };
        match self.poll_unusable(&mut Context::from_waker(&reader)) {
            Poll::Ready(unusable) => {
                reader.wake();
                Err(unusable)
            }
            Poll::Pending => Ok(()),
        }
    }

    fn protocol(&self) -> Option<&[u8]> {
        let connected = self.info.connected();
        let is_h2 = connected.is_some_and(Connected::is_negotiated_h2);
        is_h2.then_some(b"h2")
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.io() {
            Ok(io) => io.poll_shutdown(cx).map(|_| ()),
            Err(_) => Poll::Ready(()),
        }
    }
}

impl<T: Read + Unpin> AsyncRead for Transport<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buffer.remaining() > 0
            && let Some(byte) = this.found.take()
        {
            buffer.put_slice(&[byte]);
            this.read(&[byte]);
            return Poll::Ready(Ok(()));
        }
        match &mut this.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        let before = buffer.filled().len();
        let read = ready!(this.io()?.poll_read(cx, buffer));
        this.read(&buffer.filled()[before..]);
        Poll::Ready(read)
    }
}

impl<T: Write + Unpin> AsyncWrite for Transport<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(self.io()?.poll_write(cx, bytes));
        if let Ok(length) = written {
            self.written(&bytes[..length]);
        }
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(self.io()?.poll_write_vectored(cx, slices));
        let mut left = *written.as_ref().unwrap_or(&0);
        for slice in slices {
            let length = left.min(slice.len());
            self.written(&slice[..length]);
            left -= length;
        }
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io()?.poll_shutdown(cx)
    }
}

impl<T> fmt::Debug for Transport<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("connected", &self.info.connected)
            .finish_non_exhaustive()
    }
}

/// The preface of an HTTP/2 connection (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Closes the connection, and then reports its end to its counters.
impl<T> Drop for Transport<T> {
    fn drop(&mut self) {
        self.io = None;
        self.info.is_used();
        self.info.streams.end();
    }
}

/// A connector's information about a connection.
#[derive(Clone)]
pub(crate) struct Info {
    /// Always `Some`: [`Info::give`] returns it unchanged.
    connected: Arc<Option<Connected>>,
    /// Whether any user code could have poisoned it.
    given: Arc<AtomicBool>,
    /// The streams of HTTP/2.
    pub(crate) streams: Streams,
    /// The place among the idle connections of the host.
    place: Option<Arc<Place>>,
}

impl Info {
    fn new(connected: Connected, place: Option<Place>) -> Self {
        let given = is_poisoned(&connected);
        Self {
            connected: Arc::new(Some(connected)),
            given: Arc::new(AtomicBool::new(given)),
            streams: Streams::default(),
            place: place.map(Arc::new),
        }
    }

    /// Whether the connection may be kept, now that it is idle.
    pub(crate) fn keeps(&self) -> bool {
        !self.is_poisoned() && self.place.as_ref().is_none_or(|place| place.take())
    }

    /// The connection is in use again, or closed.
    pub(crate) fn is_used(&self) {
        if let Some(place) = &self.place {
            place.leave();
        }
    }

    pub(crate) fn connected(&self) -> Option<&Connected> {
        self.connected.as_ref().as_ref()
    }

    /// Gives the information to the user, and the user may poison the connection.
    pub(crate) fn give(&self) -> Arc<Option<Connected>> {
        self.given.store(true, Ordering::Release);
        Arc::clone(&self.connected)
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.given.load(Ordering::Acquire) && self.connected().is_some_and(is_poisoned)
    }
}

/// Whether the connection was poisoned; hyper-util shows that only in its debug output.
fn is_poisoned(connected: &Connected) -> bool {
    let mut text = String::new();
    // Writing to a `String` never fails.
    let _written = write!(text, "{connected:?}");
    text.contains("poisoned: true")
}

#[cfg(test)]
mod tests;
