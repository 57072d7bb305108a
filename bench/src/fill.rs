//! Fills a pool with idle connections, in the same order for all.

use std::future::{Future, poll_fn, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};

use crate::contenders::Contender;

/// Opens one connection to each of `hosts`.
pub async fn one_per_host<C: Contender>(contender: &C, hosts: u32) {
    for host in 0..hosts {
        contender.cycle(&contender.key(host), ready(())).await;
    }
}

/// Opens `connections` to one host: they are got one after the other, and given back when all are
/// there.
pub async fn one_host<C: Contender>(contender: &C, key: &C::Key, connections: u32) {
    let gate = Gate::default();
    let mut held: Vec<Pin<Box<dyn Future<Output = ()> + Send + '_>>> = Vec::new();
    for number in 0..connections {
        let mut one = Box::pin(contender.cycle(key, gate.clone()));
        poll_fn(|context| match one.as_mut().poll(context) {
            Poll::Pending if gate.held() > number => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => unreachable!("the gate is shut"),
        })
        .await;
        held.push(one);
    }
    gate.open();
    for one in held {
        one.await;
    }
}

/// A future that is pending until the gate is open. Opening wakes no task: the opener polls each
/// future again.
#[derive(Clone, Default)]
struct Gate {
    shared: Arc<Shared>,
    counted: bool,
}

#[derive(Default)]
struct Shared {
    held: AtomicU32,
    open: AtomicBool,
}

impl Gate {
    fn held(&self) -> u32 {
        self.shared.held.load(Ordering::Relaxed)
    }

    fn open(&self) {
        self.shared.open.store(true, Ordering::Relaxed);
    }
}

impl Future for Gate {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if !self.counted {
            self.counted = true;
            self.shared.held.fetch_add(1, Ordering::Relaxed);
        }
        if self.shared.open.load(Ordering::Relaxed) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
