//! A clock that is set by hand.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// All threads of a model or schedule run on one thread of the system.
struct Clock {
    start: Instant,
    passed: Duration,
    /// Keyed by deadline and a unique number.
    sleepers: BTreeMap<(Instant, u64), Waker>,
    numbers: u64,
}

thread_local! {
    static CLOCK: RefCell<Clock> = RefCell::new(Clock {
        start: Instant::now(),
        passed: Duration::ZERO,
        sleepers: BTreeMap::new(),
        numbers: 0,
    });
}

/// Lets time pass, and wakes the sleepers that are due.
pub fn advance(time: Duration) {
    let due = CLOCK.with_borrow_mut(|clock| {
        clock.passed += time;
        let now = clock.start + clock.passed;
        let later = clock.sleepers.split_off(&(now, u64::MAX));
        std::mem::replace(&mut clock.sleepers, later)
    });
    due.into_values().for_each(Waker::wake);
}

pub(crate) fn now() -> Instant {
    CLOCK.with_borrow(|clock| clock.start + clock.passed)
}

/// Runs `future` for this time at most.
pub(crate) async fn timeout<F: Future>(time: Duration, future: F) -> Result<F::Output, Elapsed> {
    match now().checked_add(time) {
        Some(at) => timeout_at(at, future).await,
        None => Ok(future.await),
    }
}

/// Runs `future` until `at` at the latest.
pub(crate) async fn timeout_at<F: Future>(at: Instant, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    let mut sleep = Sleep::until(at);
    std::future::poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        Pin::new(&mut sleep).poll(context).map(|()| Err(Elapsed))
    })
    .await
}

/// The time has passed.
#[derive(Debug)]
pub(crate) struct Elapsed;

/// Resets the clock; returns the wakers of the remaining sleepers.
pub(super) fn reset() -> Vec<Waker> {
    CLOCK.with_borrow_mut(|clock| {
        clock.passed = Duration::ZERO;
        std::mem::take(&mut clock.sleepers).into_values().collect()
    })
}

struct Sleep(Instant, u64);

impl Sleep {
    fn until(at: Instant) -> Self {
        let number = CLOCK.with_borrow_mut(|clock| {
            clock.numbers += 1;
            clock.numbers
        });
        Self(at, number)
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self(at, number) = *self;
        if at <= now() {
            return Poll::Ready(());
        }
        let waker = context.waker().clone();
        let replaced = CLOCK.with_borrow_mut(|clock| clock.sleepers.insert((at, number), waker));
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let waker = CLOCK.with_borrow_mut(|clock| clock.sleepers.remove(&(self.0, self.1)));
        drop(waker);
    }
}
