//! Handshakes: their results, their timeouts, and servers that do not speak TLS.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keepalive::{ErrorKind, FromCache, Manager, Reason, Request, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::support::tls::{Authority, trust, trusted};
use crate::support::{Server, ask, assert_system_error, build, echo, error, eventually, run};

/// A lease has a finished handshake; given back, its session serves the next without another.
#[test]
fn one_handshake_serves_two_leases() {
    run(async || {
        let (server, tls) = trusted();
        let manager = build(|it| it.tls(tls));
        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), None);
        assert!(lease.timing().tls > Duration::ZERO, "{:?}", lease.timing());
        let info = lease.tls().expect("it is TLS");
        assert_eq!(info.version(), "TLS 1.3");
        assert!(info.cipher_suite().starts_with("TLS13_"), "{info:?}");
        assert_eq!(info.peer_certificates().count(), 1);
        assert!(!info.is_resumed());
        echo(&mut lease, "hello").await;
        lease.free();

        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert_eq!(lease.from_cache(), Some(FromCache::Immediate));
        assert_eq!(lease.timing().tls, Duration::ZERO);
        echo(&mut lease, "hello again").await;
        assert_eq!(server.handshakes.read().total, 1);
    });
}

#[test]
fn wss_is_tls_too_and_case_does_not_matter() {
    run(async || {
        let (server, tls) = trusted();
        let manager = build(|it| it.tls(tls));
        for scheme in ["wss", "HTTPS"] {
            let request = server.request_at(scheme, "127.0.0.1");
            let mut lease = manager.allocate(request).await.unwrap();
            assert!(lease.tls().is_some());
            echo(&mut lease, "hello").await;
        }
    });
}

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
            manager: build(|it| it.tls(tls.clone())),
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

/// L5: an attempt whose request has timed out finishes into the cache, where the next request hits.
#[test]
fn a_handshake_longer_than_the_timeout_serves_a_later_request() {
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
fn a_handshake_that_outlived_its_request_ends_in_the_cache() {
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
fn a_handshake_that_outlived_its_request_makes_room_for_another_host() {
    run(async || {
        let (slow, server) = (Slow::start().await, Server::start());
        let manager = build(|it| it.tls(slow.tls.clone()).max_open(1));
        let first = manager.allocate(slow.request(Duration::from_millis(10)));
        assert_eq!(error(first.await).kind(), ErrorKind::Timeout);
        assert_eq!(manager.totals().connecting, 1, "it goes on");
        manager.allocate(server.request()).await.unwrap().close();
        assert_eq!(manager.totals().opened, 1);
    });
}

/// T2: the error of a timeout in the handshake names it and its duration; the attempt ends.
#[test]
fn a_handshake_that_stalls_times_out_with_its_phase() {
    run(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let manager = build(|it| it.tls(trusted().1).keep_unneeded_attempts(false));
        let request = Request::new("https", "127.0.0.1", port).unwrap();
        let pending = manager.allocate(request.timeout(Duration::from_millis(50)));
        let (mut stream, _) = listener.accept().await.unwrap();
        let timed_out = error(pending.await);
        assert_eq!(timed_out.kind(), ErrorKind::Timeout);
        assert_system_error(&timed_out, "tls", io::ErrorKind::TimedOut);
        let waiting = timed_out.waiting().expect("a timeout says why");
        assert_eq!(waiting.reason(), Reason::Handshaking);
        assert!(timed_out.timing().tls > Duration::ZERO, "{timed_out:?}");
        // A hello, and the end.
        stream.read_to_end(&mut Vec::new()).await.unwrap();
        manager.shutdown().await;
        assert_eq!(manager.totals().open, 0);
    });
}

/// L2: handshakes take turns to compute, and a handshake that waits for its peer gives up its turn.
#[test]
fn a_handshake_that_waits_for_its_peer_delays_no_other() {
    run(async || {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = silent.local_addr().unwrap().port();
        let (server, tls) = trusted();
        let manager = build(|it| it.tls(tls));
        let waiting = manager.allocate(Request::new("https", "127.0.0.1", port).unwrap());
        let (mut stream, _) = silent.accept().await.unwrap();
        // It has begun.
        stream.read_u8().await.unwrap();
        manager.allocate(server.request()).await.unwrap().close();
        drop(waiting);
    });
}

/// R2, E2: `https` is never served in clear text, and a server that speaks it is a distinct error.
#[test]
fn a_server_that_answers_in_clear_text_or_closes_is_an_error_of_tls() {
    run(async || {
        for (answer, said) in [
            (
                &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
                "does not speak TLS",
            ),
            (b"", "closed the connection during the handshake"),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let manager = build(|it| it.tls(trusted().1));
            let pending = manager.allocate(Request::new("https", "127.0.0.1", port).unwrap());
            let (mut stream, _) = listener.accept().await.unwrap();
            // Reads all of it, since a close with unread bytes would be a reset.
            AsyncReadExt::read(&mut stream, &mut [0; 4096])
                .await
                .unwrap();
            stream.write_all(answer).await.unwrap();
            drop(stream);
            let refused = error(pending.await);
            assert_eq!(refused.function(), "tls");
            assert!(refused.error_str().contains(said), "{refused}");
        }
    });
}

#[test]
fn tls_over_a_unix_path_is_an_error() {
    run(async || {
        let request = Request::unix("/nowhere").unwrap().tls(trusted().1);
        let refused = error(Manager::new().allocate(request).await);
        assert_eq!(refused.function(), "tls");
        assert!(refused.error_str().contains("not a path"), "{refused}");
    });
}

#[test]
fn schemes_other_than_https_stay_clear_text() {
    run(async || {
        let server = Server::start();
        let tls = Tls::builder()
            .danger_accept_any_certificate()
            .build()
            .unwrap();
        let manager = build(|it| it.tls(tls));
        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert!(lease.tls().is_none());
        ask(&mut lease, "hello").await;
    });
}
