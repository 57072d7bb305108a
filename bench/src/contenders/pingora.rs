//! The pool of Cloudflare's proxy: put and get.

use std::future::Future;
use std::sync::Arc;

use pingora_pool::{ConnectionMeta, ConnectionPool};

use super::{Contender, Role, Setup};
use crate::payload::{Opener, Payload};

/// pingora-pool's idle connections by key. It limits idle connections, not open ones. Its users
/// start a task for each idle connection, to notice its end; the benchmark leaves those tasks out.
#[derive(Clone)]
pub struct Pingora {
    pool: Arc<ConnectionPool<Payload>>,
    opener: Opener,
}

impl Contender for Pingora {
    const NAME: &'static str = "pingora-pool put/get";
    const ROLE: Role = Role::Peer;
    type Key = u32;

    fn open(setup: &Setup) -> Self {
        Self {
            pool: Arc::new(ConnectionPool::new(setup.total())),
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
        let meta = ConnectionMeta::new(group(*host), payload.number().cast_signed());
        let _watched_by_nobody = self.pool.put(&meta, payload);
    }
}

impl Pingora {
    fn take(&self, host: u32) -> Payload {
        let idle = self.pool.get(&group(host));
        idle.unwrap_or_else(|| self.opener.open(host))
    }
}

/// Its keys are hashes that its user has made.
fn group(host: u32) -> u64 {
    host.into()
}
