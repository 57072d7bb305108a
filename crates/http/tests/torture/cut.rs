//! Where an exchange is dropped.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// When the exchange under test is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Never,
    /// As it is about to be polled for this time.
    Before(usize),
    /// Once it has been polled so often, and is pending.
    After(usize),
}

/// All that there are for an exchange of so many polls.
pub(crate) fn every(polls: usize) -> impl Iterator<Item = Cut> {
    (1..=polls).flat_map(|poll| [Cut::Before(poll), Cut::After(poll)])
}

/// Polls a future until the cut; returns how often.
pub(crate) async fn until(cut: Cut, future: impl Future<Output = ()>) -> usize {
    let mut future = pin!(future);
    let mut polls = 0;
    poll_fn(|context| {
        polls += 1;
        if cut == Cut::Before(polls) {
            return Poll::Ready(());
        }
        let polled = future.as_mut().poll(context);
        if cut == Cut::After(polls) {
            return Poll::Ready(());
        }
        polled
    })
    .await;
    polls
}
