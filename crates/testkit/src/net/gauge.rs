//! A count that can be awaited.

use std::sync::Arc;

use tokio::sync::watch;

/// A count of live things, their highest number and their total; exact, and awaitable.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<watch::Sender<Tally>>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub now: usize,
    pub highest: usize,
    pub total: usize,
    pub gone: usize,
}

impl Gauge {
    /// Counts one until the returned value is dropped.
    pub fn enter(&self) -> Entered {
        self.0.send_modify(|tally| {
            tally.total += 1;
            tally.now += 1;
            tally.highest = tally.highest.max(tally.now);
        });
        Entered(self.clone())
    }

    pub fn read(&self) -> Tally {
        *self.0.borrow()
    }

    /// Waits until the tally satisfies `reached`.
    pub async fn until(&self, reached: impl FnMut(&Tally) -> bool) {
        let mut tallies = self.0.subscribe();
        tallies.wait_for(reached).await.expect("self is a sender");
    }
}

/// One thing that its gauge counts.
pub struct Entered(Gauge);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.0.send_modify(|tally| {
            tally.now -= 1;
            tally.gone += 1;
        });
    }
}
