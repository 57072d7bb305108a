//! The server takes one of the application protocols that are offered.

use crate::support::tls::{Authority, TlsServer};
use crate::support::{ask, error, run};
use keepalive::{Connection, Manager, Tls};

#[test]
fn the_first_that_both_speak() {
    run(async || {
        let root = Authority::root("test root");
        let mut config = root.issue(&["127.0.0.1"]).config();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let server = TlsServer::start(config);
        let offering = |protocols: &[&str]| {
            let tls = Tls::builder().roots_pem(root.pem()).alpn(protocols);
            server.request().tls(tls.build().unwrap())
        };
        let manager = Manager::new();
        for (offered, chosen) in [
            (&["http/1.1"][..], Some("http/1.1")),
            (&["http/1.1", "h2"], Some("h2")),
            (&[], None),
        ] {
            let mut lease = manager.allocate(offering(offered)).await.unwrap();
            let info = lease.tls().unwrap();
            assert_eq!(info.alpn(), chosen.map(str::as_bytes));
            let told: Vec<_> = lease
                .offered_protocols()
                .iter()
                .map(Vec::as_slice)
                .collect();
            let offered: Vec<_> = offered.iter().map(|name| name.as_bytes()).collect();
            assert_eq!(told, offered);
            assert_eq!(ask(&mut lease, "alpn").await, chosen.unwrap_or_default());
        }

        let refused = error(manager.allocate(offering(&["smtp"])).await);
        assert_eq!(refused.function(), "tls");
        let text = refused.error_str();
        assert!(text.contains("none of the application protocols"), "{text}");
    });
}
