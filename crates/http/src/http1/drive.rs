//! Drives hyper's half of an HTTP/1.1 connection in the task of its user.
//!
//! hyper makes two halves of a connection: one takes requests, the other reads and writes. Two
//! tasks would wake each other several times for each exchange. So the user's task polls both, one
//! after the other. Only a request that is still being sent when its response begins gets a task
//! of its own, until it is sent.

use std::future::{Future, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker, ready};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::lock::lock;

/// hyper's half that reads and writes. It is ready when the connection ends.
pub(crate) type Half = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// hyper's half, in the hands of the user's task or in a task of its own.
pub(super) struct Drive {
    place: Place,
    alarm: Arc<Alarm>,
    /// Wakes the alarm.
    waker: Waker,
}

enum Place {
    Here(Half),
    /// In a task, which returns the half once the request is sent.
    Away(JoinHandle<Place>),
    /// The connection has ended, with this error if it is still to be told.
    Ended(Option<hyper::Error>),
}

impl Drive {
    pub(super) fn new(half: Half) -> Self {
        let alarm = Arc::new(Alarm::default());
        Self {
            place: Place::Here(half),
            waker: Waker::from(Arc::clone(&alarm)),
            alarm,
        }
    }

    /// Polls the user's half before and after hyper's own half.
    ///
    /// Whatever either half does is seen by the other one in the same poll. So no half wakes the
    /// task for the other.
    pub(super) fn poll_both<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut user: impl FnMut(&mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        self.alarm.disarm();
        if let Poll::Ready(ready) = self.poll_user(cx, &mut user) {
            return Poll::Ready(ready);
        }
        self.poll_then(cx, user)
    }

    /// Like [`poll_both`](Self::poll_both), after a step of the user's half.
    pub(super) fn poll_then<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut user: impl FnMut(&mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let _ended = self.poll(cx);
        let polled = self.poll_user(cx, &mut user);
        if polled.is_ready() {
            self.alarm.disarm();
        }
        polled
    }

    /// Only hyper's half makes the user's half ready. So that one needs no waker while hyper's half
    /// is polled after it.
    fn poll_user<R>(
        &self,
        cx: &mut Context<'_>,
        user: &mut impl FnMut(&mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        match self.place {
            Place::Here(_) => user(&mut Context::from_waker(Waker::noop())),
            Place::Away(_) | Place::Ended(_) => user(cx),
        }
    }

    /// Drives the connection; ready when it has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.poll_back(cx));
        if let Place::Here(half) = &mut self.place {
            self.alarm.arm(cx.waker());
            let mut cx = Context::from_waker(&self.waker);
            // The body of the request is the user's code. Its panic ends the connection alone, as
            // it would in a task.
            let polled = catch_unwind(AssertUnwindSafe(|| half.as_mut().poll(&mut cx)));
            let ended = polled.unwrap_or(Poll::Ready(Ok(())));
            self.place = Place::Ended(ready!(ended).err());
        }
        Poll::Ready(())
    }

    /// Whether the connection has ended, as far as that was noticed.
    pub(super) fn is_ended(&self) -> bool {
        match &self.place {
            Place::Here(_) => false,
            Place::Away(task) => task.is_finished(),
            Place::Ended(_) => true,
        }
    }

    /// Takes the error with which the connection ended, if there is one.
    pub(super) fn take_failure(&mut self) -> Option<hyper::Error> {
        match &mut self.place {
            Place::Ended(error) => error.take(),
            Place::Here(_) | Place::Away(_) => None,
        }
    }

    /// Wakes no task from now on until the next poll.
    pub(super) fn disarm(&self) {
        self.alarm.disarm();
    }

    /// Waits until the half is here again, or the connection has ended. Nothing else happens then.
    pub(super) fn poll_back(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Place::Away(task) = &mut self.place {
            // The task itself fails only by being aborted, with the runtime it ran on.
            self.place = ready!(Pin::new(task).poll(cx)).unwrap_or(Place::Ended(None));
        }
        Poll::Ready(())
    }

    /// Has a task go on with the connection until the request `is_sent`.
    pub(super) fn send_away(
        &mut self,
        runtime: &Handle,
        is_sent: impl FnMut() -> bool + Send + 'static,
    ) {
        match mem::replace(&mut self.place, Place::Ended(None)) {
            Place::Here(half) => {
                self.alarm.disarm();
                self.place = Place::Away(runtime.spawn(away(half, is_sent)));
            }
            other => self.place = other,
        }
    }

    /// Ends the connection. If the half is in a task, that goes on for a moment.
    pub(super) fn end(&mut self) {
        if let Place::Away(task) = &self.place {
            task.abort();
        } else if !self.is_ended() {
            self.place = Place::Ended(None);
        }
    }
}

async fn away(mut half: Half, mut is_sent: impl FnMut() -> bool) -> Place {
    let ended = poll_fn(|cx| match half.as_mut().poll(cx) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending if is_sent() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    match ended.await {
        Some(ended) => Place::Ended(ended.err()),
        None => Place::Here(half),
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        self.end();
    }
}

/// Wakes the task that waits for the connection, if one does.
///
/// What the user's half tells hyper's half just before that is polled would wake the task in vain.
/// An idle connection keeps no waker either: that would keep the memory of a finished task.
#[derive(Default)]
struct Alarm(Mutex<Option<Waker>>);

impl Alarm {
    fn arm(&self, waker: &Waker) {
        let before = match &mut *lock(&self.0) {
            Some(armed) if armed.will_wake(waker) => None,
            slot => slot.replace(waker.clone()),
        };
        drop(before);
    }

    fn disarm(&self) {
        let waker = lock(&self.0).take();
        drop(waker);
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waker = lock(&self.0).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
