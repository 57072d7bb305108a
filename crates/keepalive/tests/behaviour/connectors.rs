//! Connectors of users, for a scheme or for a whole manager.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use keepalive::{
    Attempt, ConnectError, Connection, Connector, FromCache, Manager, Request, Unusable,
};
use tokio::io::{AsyncRead, DuplexStream, ReadBuf, copy, duplex, split};
use tokio::sync::Notify;

use crate::support::{Probe, Server, build, echo, eventually, run};

/// Opens pipes to an echo in this process; the echo ends on request.
#[derive(Clone, Default)]
struct Memory {
    end: Arc<Notify>,
}

impl Connector for Memory {
    type Connection = Pipe;

    async fn connect(&self, attempt: &Attempt) -> Result<Pipe, ConnectError> {
        if attempt.host().port() == 1 {
            return Err(ConnectError::new("memory", "port 1 is not there"));
        }
        let (near, far) = duplex(1024);
        let end = self.end.clone();
        tokio::spawn(async move {
            let (mut from, mut to) = split(far);
            tokio::select! {
                _ = copy(&mut from, &mut to) => {}
                () = end.notified() => {}
            }
        });
        Ok(Pipe {
            stream: near,
            watcher: Waker::noop().clone(),
        })
    }
}

struct Pipe {
    stream: DuplexStream,
    watcher: Waker,
}

impl Connection for Pipe {
    fn poll_unusable(&mut self, cx: &mut Context<'_>) -> Poll<Unusable> {
        self.watcher.clone_from(cx.waker());
        let mut byte = [0];
        let mut byte = ReadBuf::new(&mut byte);
        Pin::new(&mut self.stream)
            .poll_read(cx, &mut byte)
            .map(|result| match result {
                Err(error) => Unusable::Failed(error),
                Ok(()) if byte.filled().is_empty() => Unusable::Closed,
                Ok(()) => Unusable::UnexpectedData,
            })
    }

    fn check(&mut self) -> Result<(), Unusable> {
        let watcher = self.watcher.clone();
        match self.poll_unusable(&mut Context::from_waker(&watcher)) {
            Poll::Ready(unusable) => Err(unusable),
            Poll::Pending => Ok(()),
        }
    }
}

keepalive_testkit::forward_io!(Pipe, stream);

/// R2: a connector registered for a scheme opens the connections of that scheme, and no others.
#[test]
fn a_registered_scheme_is_opened_cached_and_watched_and_others_are_tcp() {
    run(async || {
        let server = Server::start();
        let memory = Memory::default();
        let manager = build(|it| it.scheme("memory", memory.clone()));
        for from_cache in [None, Some(FromCache::Immediate)] {
            let request = Request::new("Memory", "nowhere", 7).unwrap();
            let mut lease = manager.allocate(request).await.unwrap();
            assert_eq!(lease.from_cache(), from_cache);
            echo(&mut lease, "in memory").await;
            lease.free();
        }
        assert_eq!(manager.totals().idle, 1);
        memory.end.notify_waiters();
        eventually("removed", || manager.totals().open == 0).await;
        assert_eq!(manager.totals().closed_by_peer, 1);

        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "over TCP").await;
        assert_eq!(server.connections.read().total, 1);
    });
}

#[test]
fn the_error_of_a_connector_reaches_its_request() {
    run(async || {
        let manager = build(|it| it.scheme("memory", Memory::default()));
        let request = Request::new("memory", "nowhere", 1).unwrap();
        let error = crate::support::error(manager.allocate(request).await);
        assert_eq!(error.function(), "memory");
        assert_eq!(error.error_num(), None);
        assert_eq!(error.error_str(), "port 1 is not there");
        assert!(error.to_string().contains("memory://nowhere:1"), "{error}");
    });
}

/// A manager may have a connector of the user's own, with connections of its own type.
#[test]
fn leases_of_a_users_connector_give_access_to_its_connections() {
    run(async || {
        let server = Server::start();
        let probe = Probe::open();
        let manager: Manager<Probe> = build(|it| it.connector(probe.clone()).max_per_host(2));

        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease.stream, "awaited").await;
        lease.free();

        let (mailbox, mut responses) = manager.mailbox();
        manager
            .allocate_to(&mailbox, server.request(), "posted", 1)
            .unwrap();
        let response = responses.recv().await.unwrap();
        assert_eq!(response.from_cache(), Some(FromCache::Immediate));
        let mut lease = response.into_result().unwrap();
        echo(&mut lease.stream, "posted").await;
        lease.free();

        assert_eq!(probe.open.read().total, 1);
        manager.shutdown().await;
        assert_eq!(probe.open.read().now, 0);
    });
}
