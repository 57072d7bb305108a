//! The pool within hyper-util's legacy client.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;

use hyper_util::client::legacy::pool::{
    Checkout, Config, Pool, Poolable, Pooled, Reservation, Ver,
};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::{Contender, KEPT, Queue, Role, Setup, address};
use crate::payload::{Opener, Payload};

/// The pool that `hyper_util::client::legacy::Client` stands on, used as the client uses it.
///
/// It bounds nothing. Where a row needs a limit, no more connections are opened than that, and
/// the rest wait as the client does while it connects: in a checkout.
#[derive(Clone)]
pub struct HyperUtil {
    pool: Pool<Connection, SocketAddr>,
    opener: Opener,
    most: usize,
}

/// A payload that is always open.
pub(super) struct Connection(Payload);

impl Contender for HyperUtil {
    const NAME: &'static str = "hyper-util legacy pool";
    const ROLE: Role = Role::Peer;
    type Key = (SocketAddr, u32);

    fn open(setup: &Setup) -> Self {
        let config = Config {
            idle_timeout: Some(KEPT),
            max_idle_per_host: usize::MAX,
        };
        Self {
            pool: Pool::new(config, TokioExecutor::new(), Some(TokioTimer::new())),
            opener: setup.opener.clone(),
            most: setup.total(),
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
        let mut pooled = self.connection(*address, *host).await;
        pooled.0.begin(*host);
        hold.await;
        pooled.0.end();
    }
}

impl Queue for HyperUtil {
    async fn touch(&self, (address, host): &(SocketAddr, u32)) {
        let mut pooled = self.connection(*address, *host).await;
        pooled.0.begin(*host);
        pooled.0.end();
    }
}

impl HyperUtil {
    async fn connection(&self, address: SocketAddr, host: u32) -> Pooled<Connection, SocketAddr> {
        let mut checkout = self.pool.checkout(address);
        if let Some(pooled) = there_at_once(&mut checkout).await {
            return pooled;
        }
        if self.opener.opened() as usize >= self.most {
            return checkout.await.expect(NEVER_CLOSED);
        }
        let connecting = self.pool.connecting(&address, Ver::Auto);
        let connecting = connecting.expect("HTTP/1 connections are opened side by side");
        let connection = Connection(self.opener.open(host));
        self.pool.pooled(connecting, connection)
    }
}

async fn there_at_once(
    checkout: &mut Checkout<Connection, SocketAddr>,
) -> Option<Pooled<Connection, SocketAddr>> {
    poll_fn(|context| match Pin::new(&mut *checkout).poll(context) {
        Poll::Ready(pooled) => Poll::Ready(Some(pooled.expect(NEVER_CLOSED))),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

const NEVER_CLOSED: &str = "the pool outlives its checkouts";

impl Poolable for Connection {
    fn is_open(&self) -> bool {
        true
    }

    fn reserve(self) -> Reservation<Self> {
        Reservation::Unique(self)
    }

    fn can_share(&self) -> bool {
        false
    }
}
