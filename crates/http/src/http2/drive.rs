//! The task of an HTTP/2 connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;

use super::{Doubt, Session};
use crate::io::Shared;
use crate::lock::lock;
use crate::outgoing::Outgoing;

/// hyper's two halves in one task: one reads and writes frames, the other makes streams of
/// requests. Polled in this order, the second sees the effects of the first in the same poll.
pub(super) struct Drive<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    /// As of [`Executor::take_wire`].
    pub(super) wire: Option<Wire>,
    pub(super) requests: Option<Requests<T>>,
    pub(super) doubt: Option<Doubt>,
    pub(super) session: Arc<Session<T>>,
}

type Requests<T> = http2::Connection<TokioIo<Shared<T>>, Outgoing, Executor>;

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Drive<T> {
    /// Sends the client's preface, and reads the bytes that the peer has already sent; never waits.
    pub(super) fn poll_begin(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_wire(context);
        if let Some(requests) = &self.requests {
            self.session
                .set_streams(requests.current_max_send_streams());
        }
        Poll::Ready(())
    }

    fn poll_wire(&mut self, context: &mut Context<'_>) {
        if let Some(wire) = &mut self.wire
            && wire.as_mut().poll(context).is_ready()
        {
            self.wire = None;
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Future for Drive<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if let Some(doubt) = &mut this.doubt {
            let task = || context.waker().clone();
            this.session.task.get_or_init(task);
            doubt.poll(&this.session, context);
        }
        this.poll_wire(context);
        if let Some(doubt) = &mut this.doubt {
            doubt.listen(&this.session);
        }
        if let Some(requests) = &mut this.requests {
            match Pin::new(&mut *requests).poll(context) {
                Poll::Ready(end) => {
                    // This ends after a GOAWAY, an error, or the last handle.
                    if let Err(failure) = end {
                        let _ = this.session.failure.set(Arc::new(failure));
                    }
                    // hyper drops a request that has no stream yet.
                    let is_unopened = requests.current_max_send_streams() == 0;
                    let session = &this.session;
                    session.is_unopened.store(is_unopened, Ordering::Release);
                    this.requests = None;
                    this.session.retire();
                }
                Poll::Pending => this
                    .session
                    .set_streams(requests.current_max_send_streams()),
            }
        }
        match (&this.wire, &this.requests) {
            (None, None) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

/// Runs however the task ends.
impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Drop for Drive<T> {
    fn drop(&mut self) {
        self.session.retire();
    }
}

type Wire = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Keeps hyper's first spawned future, the one that reads and writes frames, for [`Drive`]; spawns
/// the others.
#[derive(Clone)]
pub(crate) struct Executor {
    runtime: Handle,
    wire: Arc<Mutex<Option<Wire>>>,
    has_wire: Arc<AtomicBool>,
    /// Whether a spawned future was dropped before its end, as when a runtime ends.
    pub(super) torn: Arc<AtomicBool>,
}

pin_project! {
    /// A future that records its drop before its parts are dropped, so that nothing learns of the
    /// drop earlier.
    struct Watched<F> {
        #[pin]
        future: F,
        // `Some` until the future has finished.
        torn: Option<Arc<AtomicBool>>,
    }

    impl<F> PinnedDrop for Watched<F> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(torn) = &this.torn {
                torn.store(true, Ordering::Release);
            }
        }
    }
}

impl<F: Future<Output = ()>> Future for Watched<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let polled = this.future.poll(context);
        if polled.is_ready() {
            *this.torn = None;
        }
        polled
    }
}

impl Executor {
    pub(super) fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            wire: Arc::default(),
            has_wire: Arc::default(),
            torn: Arc::default(),
        }
    }

    pub(super) fn take_wire(&self) -> Option<Wire> {
        lock(&self.wire).take()
    }
}

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        if !self.has_wire.swap(true, Ordering::Relaxed) {
            *lock(&self.wire) = Some(Box::pin(future));
        } else {
            self.runtime.spawn(Watched {
                future,
                torn: Some(Arc::clone(&self.torn)),
            });
        }
    }
}
