//! A lease has a finished handshake; given back, its session serves the next without another.

use std::time::Duration;

use crate::support::tls::trusted;
use crate::support::{echo, run};
use keepalive::{FromCache, Manager};

#[test]
fn one_handshake_serves_two_leases() {
    run(async || {
        let (server, tls) = trusted();
        let manager = Manager::builder().tls(tls).build().unwrap();
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
        let manager = Manager::builder().tls(tls).build().unwrap();
        for scheme in ["wss", "HTTPS"] {
            let request = server.request_at(scheme, "127.0.0.1");
            let mut lease = manager.allocate(request).await.unwrap();
            assert!(lease.tls().is_some());
            echo(&mut lease, "hello").await;
        }
    });
}
