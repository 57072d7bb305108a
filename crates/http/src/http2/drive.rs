//! The task of a connection that speaks HTTP/2.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;

use super::{Doubt, Session, lock};
use crate::io::Shared;
use crate::outgoing::Outgoing;

/// hyper's two halves in one task: what reads and writes frames, and what makes streams of
/// requests. In this order each hears of what the other was told in the same poll.
pub(super) struct Drive<T>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    wire: Option<Wire>,
    requests: Option<Requests<T>>,
    doubt: Option<Doubt>,
    session: Arc<Session<T>>,
}

type Requests<T> = http2::Connection<TokioIo<Shared<T>>, Outgoing, Executor>;

impl<T> Drive<T>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    /// That of a session whose handshake was made with this executor.
    pub(super) fn new(
        executor: &Executor,
        requests: Requests<T>,
        doubt: Option<Doubt>,
        session: Arc<Session<T>>,
    ) -> Self {
        Self {
            wire: executor.take_wire(),
            requests: Some(requests),
            doubt,
            session,
        }
    }
}

impl<T> Future for Drive<T>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if let Some(doubt) = &mut this.doubt {
            this.session.watch_task(context.waker());
            doubt.poll(&this.session, context);
        }
        if let Some(wire) = &mut this.wire
            && wire.as_mut().poll(context).is_ready()
        {
            this.wire = None;
        }
        if let Some(doubt) = &mut this.doubt {
            doubt.listen(&this.session);
        }
        if let Some(requests) = &mut this.requests {
            match Pin::new(&mut *requests).poll(context) {
                Poll::Ready(end) => {
                    // It is the last word of a GOAWAY, of an error, and of the last handle.
                    if let Err(failure) = end {
                        let _ = this.session.failure.set(Arc::new(failure));
                    }
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

/// However the task ends.
impl<T> Drop for Drive<T>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    fn drop(&mut self) {
        self.session.retire();
    }
}

type Wire = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Keeps what hyper spawns first, which is what reads and writes frames, for [`Drive`]; spawns the
/// rest.
#[derive(Clone)]
pub(crate) struct Executor {
    runtime: Handle,
    wire: Arc<Mutex<Kept>>,
}

#[derive(Default)]
enum Kept {
    #[default]
    Nothing,
    Wire(Wire),
    Taken,
}

impl Executor {
    pub(super) fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            wire: Arc::default(),
        }
    }

    fn take_wire(&self) -> Option<Wire> {
        let mut kept = lock(&self.wire);
        match std::mem::replace(&mut *kept, Kept::Taken) {
            Kept::Wire(wire) => Some(wire),
            Kept::Nothing | Kept::Taken => None,
        }
    }
}

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        let mut kept = lock(&self.wire);
        if let Kept::Nothing = *kept {
            *kept = Kept::Wire(Box::pin(future));
        } else {
            drop(kept);
            self.runtime.spawn(future);
        }
    }
}
