//! deadpool, managed.

use std::convert::Infallible;
use std::future::Future;

use deadpool::managed::{Manager, Metrics, Pool, RecycleResult};

use super::per_host::OneHost;
use super::{Contender, Queue, Role, Setup};
use crate::payload::{Opener, Payload};

/// A pool of deadpool's for one host, with its defaults: oldest first, no timeouts.
#[derive(Clone)]
pub struct Deadpool {
    pool: Pool<Payloads>,
}

struct Payloads {
    opener: Opener,
    host: u32,
}

impl Contender for Deadpool {
    const NAME: &'static str = "deadpool";
    const ROLE: Role = Role::Peer;
    type Key = u32;

    fn open(setup: &Setup) -> Self {
        Self::of_host(setup, 0)
    }

    fn key(&self, host: u32) -> u32 {
        host
    }

    async fn cycle(&self, host: &u32, hold: impl Future<Output = ()> + Send) {
        let mut payload = self.pool.get().await.expect("a payload always opens");
        payload.begin(*host);
        hold.await;
        payload.end();
    }
}

impl Queue for Deadpool {
    async fn touch(&self, host: &u32) {
        let payload = self.pool.get().await;
        let mut payload = payload.expect("a payload always opens");
        payload.begin(*host);
        payload.end();
    }
}

impl OneHost for Deadpool {
    fn of_host(setup: &Setup, host: u32) -> Self {
        let opener = setup.opener.clone();
        let pool = Pool::builder(Payloads { opener, host })
            .max_size(setup.per_host as usize)
            .build()
            .expect("no timeout is set, so no runtime is needed");
        Self { pool }
    }
}

impl Manager for Payloads {
    type Type = Payload;
    type Error = Infallible;

    async fn create(&self) -> Result<Payload, Infallible> {
        Ok(self.opener.open(self.host))
    }

    async fn recycle(&self, _: &mut Payload, _: &Metrics) -> RecycleResult<Infallible> {
        Ok(())
    }
}
