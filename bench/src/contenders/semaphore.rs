//! The least that has a limit and a queue: tokio's semaphore before a locked list.

use std::future::Future;
use std::sync::{Arc, Mutex};

use super::{Contender, Queue, Role, Setup};
use crate::payload::{Opener, Payload};

/// A semaphore, and a locked `Vec`: no time, no liveness, no figures, one host.
#[derive(Clone)]
pub struct Semaphore {
    shared: Arc<Shared>,
}

struct Shared {
    slots: tokio::sync::Semaphore,
    idle: Mutex<Vec<Payload>>,
    opener: Opener,
}

impl Contender for Semaphore {
    const NAME: &'static str = "semaphore + locked Vec";
    const ROLE: Role = Role::Yardstick;
    type Key = u32;

    fn open(setup: &Setup) -> Self {
        Self {
            shared: Arc::new(Shared {
                slots: tokio::sync::Semaphore::new(setup.per_host as usize),
                idle: Mutex::default(),
                opener: setup.opener.clone(),
            }),
        }
    }

    fn key(&self, host: u32) -> u32 {
        host
    }

    async fn cycle(&self, host: &u32, hold: impl Future<Output = ()> + Send) {
        let shared = &*self.shared;
        let slot = shared.slots.acquire().await.expect("it is never closed");
        let mut payload = shared.take(*host);
        payload.begin(*host);
        hold.await;
        payload.end();
        shared.give_back(payload);
        drop(slot);
    }
}

impl Queue for Semaphore {
    async fn touch(&self, host: &u32) {
        let slot = self.shared.slots.acquire().await;
        let mut payload = self.shared.take(*host);
        payload.begin(*host);
        payload.end();
        self.shared.give_back(payload);
        drop(slot);
    }
}

impl Shared {
    fn take(&self, host: u32) -> Payload {
        let idle = self.idle.lock().expect(NO_PANIC).pop();
        idle.unwrap_or_else(|| self.opener.open(host))
    }

    fn give_back(&self, payload: Payload) {
        self.idle.lock().expect(NO_PANIC).push(payload);
    }
}

const NO_PANIC: &str = "nobody panics with the lock held";
