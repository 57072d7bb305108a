//! bb8.

use std::convert::Infallible;
use std::future::Future;

use bb8::{ManageConnection, Pool};

use super::per_host::OneHost;
use super::{Contender, Queue, Role, Setup};
use crate::payload::{Opener, Payload};

/// A pool of bb8's for one host, with its defaults: oldest first, tested when handed out, a
/// timeout of 30 s, and a task that looks for old connections.
#[derive(Clone)]
pub struct Bb8 {
    pool: Pool<Payloads>,
}

struct Payloads {
    opener: Opener,
    host: u32,
}

impl Contender for Bb8 {
    const NAME: &'static str = "bb8";
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

impl Queue for Bb8 {
    async fn touch(&self, host: &u32) {
        let payload = self.pool.get().await;
        let mut payload = payload.expect("a payload always opens");
        payload.begin(*host);
        payload.end();
    }
}

impl OneHost for Bb8 {
    fn of_host(setup: &Setup, host: u32) -> Self {
        let opener = setup.opener.clone();
        let pool = Pool::builder()
            .max_size(setup.per_host)
            .build_unchecked(Payloads { opener, host });
        Self { pool }
    }
}

impl ManageConnection for Payloads {
    type Connection = Payload;
    type Error = Infallible;

    async fn connect(&self) -> Result<Payload, Infallible> {
        Ok(self.opener.open(self.host))
    }

    async fn is_valid(&self, _: &mut Payload) -> Result<(), Infallible> {
        Ok(())
    }

    fn has_broken(&self, _: &mut Payload) -> bool {
        false
    }
}
