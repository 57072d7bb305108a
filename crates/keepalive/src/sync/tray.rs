//! A queue with many senders and one receiver, which drops its contents when the receiver is
//! dropped.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use crate::sync::{Arc, Mutex};

/// Makes a tray: items are put in at one end and taken out at the other.
///
/// Dropping the taking end drops the items, and no item can be put in any more. Both happen in one
/// step, so no item is left in a tray that nobody empties.
pub(crate) fn tray<T>() -> (Putter<T>, Taker<T>) {
    let tray = Arc::new(Mutex::new(Tray {
        items: VecDeque::new(),
        putters: 1,
        closed: false,
        waker: None,
    }));
    (Putter(Arc::clone(&tray)), Taker(tray))
}

struct Tray<T> {
    items: VecDeque<T>,
    putters: usize,
    closed: bool,
    waker: Option<Waker>,
}

/// The end where items are put in.
pub(crate) struct Putter<T>(Arc<Mutex<Tray<T>>>);

impl<T> Putter<T> {
    /// Puts an item in; returns it if the taking end is gone.
    pub(crate) fn put(&self, item: T) -> Result<(), T> {
        let waker = {
            let mut tray = self.0.lock();
            if tray.closed {
                return Err(item);
            }
            tray.items.push_back(item);
            tray.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Whether the taking end is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.lock().closed
    }
}

impl<T> Clone for Putter<T> {
    fn clone(&self) -> Self {
        self.0.lock().putters += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Putter<T> {
    fn drop(&mut self) {
        let waker = {
            let mut tray = self.0.lock();
            let left = tray.putters - 1;
            tray.putters = left;
            if left > 0 {
                return;
            }
            tray.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The end where items are taken out.
pub(crate) struct Taker<T>(Arc<Mutex<Tray<T>>>);

impl<T> Taker<T> {
    /// Takes the oldest item; `None` when there is none and none can come.
    pub(crate) fn poll_take(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        let replaced;
        {
            let mut tray = self.0.lock();
            if let Some(item) = tray.items.pop_front() {
                return Poll::Ready(Some(item));
            }
            if tray.putters == 0 {
                return Poll::Ready(None);
            }
            replaced = tray.waker.replace(context.waker().clone());
        }
        drop(replaced);
        Poll::Pending
    }
}

impl<T> Drop for Taker<T> {
    fn drop(&mut self) {
        let left = {
            let mut tray = self.0.lock();
            tray.closed = true;
            (std::mem::take(&mut tray.items), tray.waker.take())
        };
        drop(left);
    }
}
