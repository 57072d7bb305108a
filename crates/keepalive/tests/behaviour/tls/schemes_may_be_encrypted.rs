//! R2: any scheme may be TLS, with settings of its own; the last setting for a scheme counts.

use crate::support::tls::{Authority, trust, trusted};
use crate::support::{echo, error, run};
use keepalive::Manager;

#[test]
fn a_scheme_with_its_own_roots() {
    run(async || {
        let (server, tls) = trusted();
        let manager = Manager::builder()
            .tls(trust(&Authority::root("others")))
            .tls_scheme("IMAPS", tls)
            .build()
            .unwrap();
        let request = server.request_at("imaps", "127.0.0.1");
        let mut lease = manager.allocate(request).await.unwrap();
        echo(&mut lease, "hello").await;
        assert_eq!(
            error(manager.allocate(server.request()).await).function(),
            "tls"
        );
    });
}

#[test]
fn a_connector_may_replace_tls() {
    run(async || {
        let (server, tls) = trusted();
        let plain = keepalive::NetConnector::new();
        let manager = Manager::builder()
            .tls_scheme("secret", tls)
            .scheme("secret", plain)
            .build()
            .unwrap();
        let request = server.request_at("secret", "127.0.0.1");
        let lease = manager.allocate(request).await.unwrap();
        assert!(lease.tls().is_none());
    });
}
