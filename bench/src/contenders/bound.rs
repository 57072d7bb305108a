//! The bound: a lock around a list, and nothing else.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use super::{Contender, Role, Setup, address};
use crate::payload::{Opener, Payload};

/// One locked `Vec`: no limit, no queue, no time.
#[derive(Clone)]
pub struct LockedVec {
    idle: Arc<Mutex<Vec<Payload>>>,
    opener: Opener,
}

impl Contender for LockedVec {
    const NAME: &'static str = "locked Vec";
    const ROLE: Role = Role::Bound;
    type Key = u32;

    fn open(setup: &Setup) -> Self {
        Self {
            idle: Arc::default(),
            opener: setup.opener.clone(),
        }
    }

    fn key(&self, host: u32) -> u32 {
        host
    }

    async fn cycle(&self, host: &u32, hold: impl Future<Output = ()> + Send) {
        let mut payload = self.take(*host);
        payload.begin(*host);
        hold.await;
        payload.end();
        self.idle.lock().expect(NO_PANIC).push(payload);
    }
}

impl LockedVec {
    fn take(&self, host: u32) -> Payload {
        let idle = self.idle.lock().expect(NO_PANIC).pop();
        idle.unwrap_or_else(|| self.opener.open(host))
    }
}

/// One locked map of lists, for many hosts.
#[derive(Clone)]
pub struct LockedMap {
    idle: Arc<Mutex<HashMap<SocketAddr, Vec<Payload>>>>,
    opener: Opener,
}

impl Contender for LockedMap {
    const NAME: &'static str = "locked map of Vecs";
    const ROLE: Role = Role::Bound;
    type Key = (SocketAddr, u32);

    fn open(setup: &Setup) -> Self {
        Self {
            idle: Arc::default(),
            opener: setup.opener.clone(),
        }
    }

    fn key(&self, host: u32) -> (SocketAddr, u32) {
        (address(host), host)
    }

    async fn cycle(
        &self,
        (address, host): &(SocketAddr, u32),
        hold: impl Future<Output = ()> + Send,
    ) {
        let mut payload = self.take(address, *host);
        payload.begin(*host);
        hold.await;
        payload.end();
        let mut map = self.idle.lock().expect(NO_PANIC);
        map.entry(*address).or_default().push(payload);
    }
}

impl LockedMap {
    fn take(&self, address: &SocketAddr, host: u32) -> Payload {
        let mut map = self.idle.lock().expect(NO_PANIC);
        let idle = map.get_mut(address).and_then(Vec::pop);
        drop(map);
        idle.unwrap_or_else(|| self.opener.open(host))
    }
}

const NO_PANIC: &str = "nobody panics with the lock held";
