//! One transport for two users: hyper's task, which reads and writes, and the connection, which
//! asks the system about it and takes it away to close it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use keepalive::{Connection, Unusable};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A transport that can be taken away from whoever reads and writes it.
pub(crate) struct Shared<T>(Arc<Mutex<Inner<T>>>);

struct Inner<T> {
    transport: Option<T>,
    received: u64,
    /// The first that was received.
    beginning: [u8; BEGINNING],
    /// Of whoever reads, once nothing was there to be read.
    reader: Option<Waker>,
    /// Whether only whoever closes the connection may end our side of it.
    kept_open: bool,
    users: usize,
    /// Of those who want to be told that no other user is left.
    lonely: Vec<Waker>,
}

/// So much of what is received first is kept.
const BEGINNING: usize = 16;

impl<T> Inner<T> {
    /// Takes note of what was read.
    fn take(&mut self, bytes: &[u8]) {
        if self.received < BEGINNING as u64 {
            let rest = self.beginning.iter_mut().skip(self.received as usize);
            rest.zip(bytes).for_each(|(kept, byte)| *kept = *byte);
        }
        self.received += bytes.len() as u64;
    }
}

impl<T> Shared<T> {
    pub(crate) fn new(transport: T) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            transport: Some(transport),
            received: 0,
            beginning: [0; BEGINNING],
            reader: None,
            kept_open: false,
            users: 1,
            lonely: Vec::new(),
        })))
    }

    /// Whether hyper's wish to end our side of the connection is to be passed over.
    pub(crate) fn keep_open(&self, kept_open: bool) {
        self.lock().kept_open = kept_open;
    }

    /// Waits until there is no other user.
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
    pub(crate) fn take(&self) -> Option<T> {
        self.lock().transport.take()
    }

    /// What can be said of the transport, while it is there.
    #[cfg(feature = "legacy")]
    pub(crate) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.lock().transport.as_ref().map(look)
    }

    /// Changes the transport, while it is there.
    #[cfg(feature = "legacy")]
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.lock().transport.as_mut().map(change)
    }

    /// How many bytes have been read so far.
    pub(crate) fn received(&self) -> u64 {
        self.lock().received
    }

    /// The first bytes that were read, as far as there are any.
    pub(crate) fn beginning(&self) -> ([u8; BEGINNING], usize) {
        let inner = self.lock();
        let length = usize::try_from(inner.received).unwrap_or(BEGINNING);
        (inner.beginning, length.min(BEGINNING))
    }

    // Held for one system call at most. A panic of the transport poisons nothing of ours.
    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Connection> Shared<T> {
    /// Watches whether the transport must not be reused although its peer did nothing.
    pub(crate) fn poll_retired(&self, cx: &mut Context<'_>) -> Poll<Unusable> {
        match &mut self.lock().transport {
            Some(transport) => transport.poll_retired(cx),
            None => Poll::Pending,
        }
    }

    /// Asks the transport whether it can be used now.
    pub(crate) fn check(&self) -> Result<(), Unusable> {
        let mut inner = self.lock();
        let Some(transport) = &mut inner.transport else {
            return Err(Unusable::Closed);
        };
        let checked = transport.check();
        // A session may have taken data in, of which the reactor has not told its reader, and never
        // will.
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
    fn with<R>(
        &self,
        call: impl FnOnce(Pin<&mut T>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        match &mut self.lock().transport {
            Some(transport) => call(Pin::new(transport)),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
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
        let Some(transport) = &mut inner.transport else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let before = buf.filled().len();
        let result = Pin::new(transport).poll_read(cx, buf);
        inner.take(&buf.filled()[before..]);
        if result.is_pending() {
            match &mut inner.reader {
                Some(reader) => reader.clone_from(cx.waker()),
                reader => *reader = Some(cx.waker().clone()),
            }
        }
        result
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Shared<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.with(|transport| transport.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.with(|transport| transport.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.lock()
            .transport
            .as_ref()
            .is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|transport| transport.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lock().kept_open {
            return Poll::Ready(Ok(()));
        }
        self.with(|transport| transport.poll_shutdown(cx))
    }
}
