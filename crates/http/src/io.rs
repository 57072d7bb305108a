//! Shares one transport between hyper, which reads and writes, and the connection, which watches,
//! checks and closes it.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker, ready};

use http::HeaderMap;
use keepalive::{Connection, Unusable};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::yield_now;

use crate::head::Excess;
use crate::inspect::Inspector;
use crate::lock::lock;
use crate::outgoing::Gate;

/// A transport that can be taken away from its reader and writer.
pub(crate) struct Shared<T>(Arc<Mutex<Inner<T>>>);

struct Inner<T> {
    transport: Option<T>,
    /// The transport once it is being closed.
    closing: Option<T>,
    received: u64,
    /// Reads heads before hyper, if they are limited.
    inspector: Option<Box<dyn Inspector>>,
    pace: Pace,
    /// The reason why reading has stopped.
    refused: Option<Excess>,
    /// The first bytes received.
    beginning: [u8; BEGINNING],
    /// Whether hyper's task reads while the connection is idle.
    is_read_idle: bool,
    /// That reader's waker, after a read that had to wait.
    reader: Option<Waker>,
    /// Whether the last write had to wait.
    is_write_pending: bool,
    /// Whether only the connection may shut down our side, and not hyper.
    kept_open: bool,
    users: usize,
    /// The wakers of users that wait until no other user is left.
    lonely: Vec<Waker>,
}

/// How much is read at a time. hyper reads without a pause while it finds interim responses; pauses
/// let other tasks run in between.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    Free,
    /// The last read contained interim responses.
    Pause,
    /// After a pause.
    Little,
}

/// The bytes per read at [`Pace::Little`].
const LITTLE: usize = 2048;

/// The number of first bytes that are kept.
const BEGINNING: usize = 16;

impl<T> Inner<T> {
    /// Records the bytes of a read, from `start` on. Returns whether the reader may see any of them.
    fn take(&mut self, buf: &mut ReadBuf<'_>, start: usize) -> io::Result<bool> {
        let bytes = &buf.filled()[start..];
        if self.received < BEGINNING as u64 {
            let rest = self.beginning.iter_mut().skip(self.received as usize);
            rest.zip(bytes).for_each(|(kept, byte)| *kept = *byte);
        }
        self.received += bytes.len() as u64;
        let Some(inspector) = &mut self.inspector else {
            return Ok(true);
        };
        let inspected = inspector.read(buf, start).map_err(|refused| {
            self.refused = Some(refused);
            io::Error::other(refused)
        })?;
        self.pace = match inspected.interim {
            true => Pace::Pause,
            false => Pace::Free,
        };
        Ok(!inspected.kept_back)
    }
}

impl<T> Shared<T> {
    pub(crate) fn new(transport: T) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            transport: Some(transport),
            closing: None,
            received: 0,
            inspector: None,
            pace: Pace::Free,
            refused: None,
            beginning: [0; BEGINNING],
            is_read_idle: false,
            reader: None,
            is_write_pending: false,
            kept_open: false,
            users: 1,
            lonely: Vec::new(),
        })))
    }

    /// Sets whether hyper's shutdown of our side is ignored.
    pub(crate) fn keep_open(&self, kept_open: bool) {
        self.lock().kept_open = kept_open;
    }

    /// From now on, a check may wake the reader of the idle connection.
    pub(crate) fn read_while_idle(&self) {
        self.lock().is_read_idle = true;
    }

    /// Waits until no other user is left.
    pub(crate) fn poll_alone(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        if inner.users == 1 {
            return Poll::Ready(());
        }
        let waker = context.waker();
        if !inner.lonely.iter().any(|lonely| lonely.will_wake(waker)) {
            inner.lonely.push(waker.clone());
        }
        Poll::Pending
    }

    /// Takes the transport out; reads and writes of the other users fail from now on.
    #[cfg(feature = "legacy")]
    pub(crate) fn take(&self) -> Option<T> {
        self.lock().transport.take()
    }

    /// Drops the transport; reads and writes of the other users fail from now on.
    pub(crate) fn close_now(&self) {
        let mut inner = self.lock();
        let transport = (inner.transport.take(), inner.closing.take());
        drop(inner);
        drop(transport);
    }

    /// Calls a function with the transport, if it is still there.
    pub(crate) fn with<R>(&self, call: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.lock().transport.as_mut().map(call)
    }

    /// Inspects from now on the bytes that arrive.
    pub(crate) fn inspect(&self, inspector: impl Inspector + 'static) {
        self.lock().inspector = Some(Box::new(inspector));
    }

    /// Records the start of an HTTP/1.1 request; returns the number of bytes read so far.
    pub(crate) fn begin(&self, gate: Option<Gate>) -> u64 {
        let mut inner = self.lock();
        inner.lonely.clear();
        if let Some(inspector) = &mut inner.inspector {
            inspector.begin(gate);
        }
        inner.received
    }

    /// Adds the fields that hyper did not see to the head of an HTTP/1.1 response.
    pub(crate) fn complete(&self, head: &mut HeaderMap) {
        if let Some(inspector) = &mut self.lock().inspector {
            inspector.complete(head);
        }
    }

    /// The reason why reading has stopped, if it has.
    pub(crate) fn refused(&self) -> Option<Excess> {
        self.lock().refused
    }

    /// Whether hyper has bytes left that the last write did not take.
    pub(crate) fn is_write_pending(&self) -> bool {
        self.lock().is_write_pending
    }

    /// The number of bytes read so far.
    pub(crate) fn received(&self) -> u64 {
        self.lock().received
    }

    /// The first bytes that were read, and how many there are.
    pub(crate) fn beginning(&self) -> ([u8; BEGINNING], usize) {
        let inner = self.lock();
        let length = usize::try_from(inner.received).unwrap_or(BEGINNING);
        (inner.beginning, length.min(BEGINNING))
    }

    // Held for one system call at most. A panic of the transport leaves our own state consistent.
    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        lock(&self.0)
    }
}

impl<T: Connection> Shared<T> {
    /// Closes the transport in an orderly way; reads and writes of the other users fail from now on.
    pub(crate) fn poll_close(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        inner.closing = inner.transport.take().or(inner.closing.take());
        if let Some(transport) = &mut inner.closing {
            ready!(transport.poll_close(cx));
        }
        let closed = inner.closing.take();
        drop(inner);
        drop(closed);
        Poll::Ready(())
    }

    /// Waits until the idle transport must not be reused.
    pub(crate) fn poll_unusable(&self, cx: &mut Context<'_>) -> Poll<Unusable> {
        match &mut self.lock().transport {
            Some(transport) => transport.poll_unusable(cx),
            None => Poll::Ready(Unusable::Closed),
        }
    }

    /// Waits until the transport must not be reused for a reason other than its peer.
    pub(crate) fn poll_retired(&self, cx: &mut Context<'_>) -> Poll<Unusable> {
        match &mut self.lock().transport {
            Some(transport) => transport.poll_retired(cx),
            None => Poll::Pending,
        }
    }

    /// Checks whether the transport is usable now.
    pub(crate) fn check(&self) -> Result<(), Unusable> {
        let mut inner = self.lock();
        let Some(transport) = &mut inner.transport else {
            return Err(Unusable::Closed);
        };
        let checked = transport.check();
        // A TLS session may have buffered data for which the reactor will never wake the reader.
        let told = matches!(checked, Err(Unusable::UnexpectedData));
        let reader = inner.reader.take_if(|_| told);
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
        checked
    }
}

impl<T: Unpin> Shared<T> {
    fn poll_write_by<R>(
        &self,
        call: impl FnOnce(Pin<&mut T>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        let mut inner = self.lock();
        let Some(transport) = &mut inner.transport else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let result = call(Pin::new(transport));
        inner.is_write_pending = result.is_pending();
        result
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        self.lock().users += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let mut inner = self.lock();
        inner.users -= 1;
        let lonely = std::mem::take(&mut inner.lonely);
        drop(inner);
        lonely.into_iter().for_each(Waker::wake);
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Shared<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut inner = self.lock();
        if inner.pace == Pace::Pause {
            inner.pace = Pace::Little;
            drop(inner);
            return pin!(yield_now()).poll(cx).map(Ok);
        }
        if let Some(inspector) = &mut inner.inspector
            && inspector.put_left(buf)
        {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let result = loop {
            let pace = inner.pace;
            let Some(transport) = &mut inner.transport else {
                return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
            };
            let result = match pace {
                Pace::Little => read_little(Pin::new(transport), cx, buf),
                Pace::Free | Pace::Pause => Pin::new(transport).poll_read(cx, buf),
            };
            if buf.filled().len() == before || inner.take(buf, before)? {
                break result;
            }
        };
        if result.is_pending() && inner.is_read_idle {
            match &mut inner.reader {
                Some(reader) => reader.clone_from(cx.waker()),
                reader => *reader = Some(cx.waker().clone()),
            }
        }
        result
    }
}

fn read_little<T: AsyncRead>(
    transport: Pin<&mut T>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let mut little = [0; LITTLE];
    let mut little = ReadBuf::new(&mut little[..buf.remaining().min(LITTLE)]);
    let result = transport.poll_read(cx, &mut little);
    buf.put_slice(little.filled());
    result
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Shared<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_by(|transport| transport.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_by(|transport| transport.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.lock()
            .transport
            .as_ref()
            .is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_by(|transport| transport.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lock().kept_open {
            return Poll::Ready(Ok(()));
        }
        self.poll_write_by(|transport| transport.poll_shutdown(cx))
    }
}
