//! A queue with many senders and one receiver, which drops its contents when the receiver is
//! dropped.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use crate::sync::{Arc, Mutex};

/// Makes a channel: items are sent at one end and received at the other.
///
/// Dropping the receiver drops the items, and no item can be sent any more. Both happen in one
/// step, so no item is left in a channel without a receiver.
pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let channel = Arc::new(Mutex::new(Channel {
        items: VecDeque::new(),
        senders: 1,
        closed: false,
        waker: None,
    }));
    (Sender(Arc::clone(&channel)), Receiver(channel))
}

struct Channel<T> {
    items: VecDeque<T>,
    senders: usize,
    closed: bool,
    waker: Option<Waker>,
}

/// The end where items are sent.
pub(crate) struct Sender<T>(Arc<Mutex<Channel<T>>>);

impl<T> Sender<T> {
    /// Sends an item; returns it if the receiver is gone.
    pub(crate) fn send(&self, item: T) -> Result<(), T> {
        let waker = {
            let mut channel = self.0.lock();
            if channel.closed {
                return Err(item);
            }
            channel.items.push_back(item);
            channel.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Whether the receiver is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.lock().closed
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let waker = {
            let mut channel = self.0.lock();
            let left = channel.senders - 1;
            channel.senders = left;
            if left > 0 {
                return;
            }
            channel.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The end where items are received.
pub(crate) struct Receiver<T>(Arc<Mutex<Channel<T>>>);

impl<T> Receiver<T> {
    /// Takes the oldest item; `None` when there is none and none can come.
    pub(crate) fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        let replaced;
        {
            let mut channel = self.0.lock();
            if let Some(item) = channel.items.pop_front() {
                return Poll::Ready(Some(item));
            }
            if channel.senders == 0 {
                return Poll::Ready(None);
            }
            replaced = channel.waker.replace(context.waker().clone());
        }
        drop(replaced);
        Poll::Pending
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let left = {
            let mut channel = self.0.lock();
            channel.closed = true;
            (std::mem::take(&mut channel.items), channel.waker.take())
        };
        drop(left);
    }
}
