//! A connection in memory; a fuzz target drives its far end.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use keepalive::{Connection, Unusable};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The far end.
#[derive(Clone, Default)]
pub(super) struct Wire(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    sent: Vec<u8>,
    coming: Vec<u8>,
    ended: bool,
    /// Whether the reactor has not noticed the last bytes yet.
    unseen: bool,
    closed: bool,
    reader: Option<Waker>,
}

impl Wire {
    /// Sends to the client.
    pub(super) fn send(&self, bytes: &[u8]) {
        let mut inner = self.lock();
        inner.coming.extend(bytes);
        wake(inner);
    }

    /// From now on, a system call finds the sent bytes, but the reader is not woken.
    pub(super) fn hide(&self) {
        self.lock().unseen = true;
    }

    /// The reactor notices the sent bytes.
    pub(super) fn show(&self) {
        let mut inner = self.lock();
        inner.unseen = false;
        wake(inner);
    }

    /// Sends no more.
    pub(super) fn end(&self) {
        let mut inner = self.lock();
        inner.ended = true;
        wake(inner);
    }

    /// The head of a request, if a whole one has arrived; it is then removed.
    pub(super) fn request(&self) -> Option<Vec<u8>> {
        let mut inner = self.lock();
        let is_whole = inner.sent.ends_with(b"\r\n\r\n");
        is_whole.then(|| std::mem::take(&mut inner.sent))
    }

    /// How much the client has not read yet.
    pub(super) fn unread(&self) -> usize {
        self.lock().coming.len()
    }

    /// Whether the client has dropped it.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no panic")
    }
}

fn wake(mut inner: MutexGuard<'_, Inner>) {
    if inner.unseen {
        return;
    }
    let reader = inner.reader.take();
    drop(inner);
    if let Some(reader) = reader {
        reader.wake();
    }
}

/// The client's end.
pub(super) struct Near(pub(super) Wire);

impl Drop for Near {
    fn drop(&mut self) {
        self.0.lock().closed = true;
    }
}

impl Connection for Near {
    fn poll_unusable(&mut self, context: &mut Context<'_>) -> Poll<Unusable> {
        let mut inner = self.0.lock();
        inner.reader = Some(context.waker().clone());
        let unseen = inner.unseen;
        drop(inner);
        match self.check() {
            Err(unusable) if !unseen => Poll::Ready(unusable),
            _ => Poll::Pending,
        }
    }

    fn check(&mut self) -> Result<(), Unusable> {
        let inner = self.0.lock();
        match (inner.coming.is_empty(), inner.ended) {
            (false, _) => Err(Unusable::UnexpectedData),
            (true, true) => Err(Unusable::Closed),
            (true, false) => Ok(()),
        }
    }
}

impl AsyncRead for Near {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut inner = self.0.lock();
        let count = inner.coming.len().min(buffer.remaining());
        if inner.unseen || (count == 0 && !inner.ended) {
            inner.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        buffer.put_slice(&inner.coming[..count]);
        inner.coming.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Near {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.lock().sent.extend(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
