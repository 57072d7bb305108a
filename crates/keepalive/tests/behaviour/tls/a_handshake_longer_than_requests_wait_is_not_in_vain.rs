//! L5: an attempt whose request has timed out finishes into the cache, where the next request hits.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::tls::{Authority, trust};
use crate::support::{Server, error, eventually, run};
use keepalive::{ErrorKind, FromCache, Manager, Request, Tls};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// A server whose handshakes take 150 ms, or as long as the gate is closed.
struct Slow {
    port: u16,
    gate: Arc<Semaphore>,
    accepted: Arc<AtomicUsize>,
    tls: Tls,
    manager: Manager,
}

impl Slow {
    async fn start() -> Self {
        let authority = Authority::root("test root");
        let config = authority.issue(&["127.0.0.1"]).config();
        let tls = trust(&authority);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let slow = Self {
            port: listener.local_addr().unwrap().port(),
            gate: Arc::new(Semaphore::new(0)),
            accepted: Arc::default(),
            manager: Manager::builder().tls(tls.clone()).build().unwrap(),
            tls,
        };
        let (gate, accepted) = (Arc::clone(&slow.gate), Arc::clone(&slow.accepted));
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            let mut open = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::SeqCst);
                let _ = timeout(Duration::from_millis(150), gate.acquire()).await;
                open.push(acceptor.accept(stream).await);
            }
        });
        slow
    }

    fn request(&self, time: Duration) -> Request {
        let request = Request::new("https", "127.0.0.1", self.port).unwrap();
        request.timeout(time)
    }
}

#[test]
fn requests_of_a_hundred_milliseconds_are_served_by_one_of_a_hundred_and_fifty() {
    run(async || {
        let server = Slow::start().await;
        let mut failed = 0;
        let lease = loop {
            let request = server.request(Duration::from_millis(100));
            match server.manager.allocate(request).await {
                Ok(lease) => break lease,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Timeout, "{error}"),
            }
            failed += 1;
            assert!(failed < 20, "nobody is ever served");
        };
        lease.free();
        assert_eq!(server.accepted.load(Ordering::SeqCst), 1);
        assert_eq!(server.manager.totals().opened, 1);
    });
}

#[test]
fn whoever_comes_when_it_has_ended_finds_it_in_the_cache() {
    run(async || {
        let server = Slow::start().await;
        let totals = || server.manager.totals();
        let first = server
            .manager
            .allocate(server.request(Duration::from_millis(10)));
        assert_eq!(error(first.await).kind(), ErrorKind::Timeout);
        server.gate.add_permits(1);
        eventually("it is kept", || totals().idle == 1).await;
        let lease = server
            .manager
            .allocate(server.request(Duration::from_secs(5)));
        assert_eq!(
            lease.await.unwrap().from_cache(),
            Some(FromCache::Immediate)
        );
        assert_eq!(totals().opened, 1);
    });
}

#[test]
fn it_makes_room_for_another_host() {
    run(async || {
        let (slow, server) = (Slow::start().await, Server::start());
        let manager = Manager::builder().tls(slow.tls.clone()).max_open(1);
        let manager = manager.build().unwrap();
        let first = manager.allocate(slow.request(Duration::from_millis(10)));
        assert_eq!(error(first.await).kind(), ErrorKind::Timeout);
        assert_eq!(manager.totals().connecting, 1, "it goes on");
        manager.allocate(server.request()).await.unwrap().close();
        assert_eq!(manager.totals().opened, 1);
    });
}
