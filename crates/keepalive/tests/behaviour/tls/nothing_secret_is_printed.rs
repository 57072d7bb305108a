//! X3: the printed forms of settings, requests, connections and errors contain no key.

use crate::support::tls::{Authority, TlsServer};
use crate::support::{echo, error, run};
use keepalive::{Manager, Tls};

#[test]
fn settings_requests_leases_and_errors() {
    run(async || {
        let root = Authority::root("test root");
        let server = TlsServer::start(root.issue(&["127.0.0.1"]).config_for(Some(&root)));
        let me = root.issue(&["me.test"]);
        let builder = Tls::builder()
            .roots_pem(root.pem())
            .client_certificate_pem(me.pem.clone(), me.key_pem());
        let tls = builder.clone().build().unwrap();
        let request = server.request().tls(tls.clone());
        let manager = Manager::new();
        let mut lease = manager.allocate(request.clone()).await.unwrap();
        echo(&mut lease, "hello").await;
        let wrong = server.request_at("https", "localhost").tls(tls.clone());
        let refused = error(manager.allocate(wrong).await);

        let key = me.key_pem();
        let secret = key.lines().nth(1).unwrap();
        for shown in [
            format!("{builder:?}"),
            format!("{tls:?}"),
            format!("{request:?}"),
            format!("{lease:?} {:?}", *lease),
            format!("{refused:?} {refused}"),
            format!("{:?}", manager.stats()),
        ] {
            assert!(!shown.contains(secret), "{shown}");
            assert!(!shown.contains("BEGIN"), "{shown}");
        }
        let shown = format!("{tls:?}");
        assert!(shown.contains("client_certificate: true"), "{shown}");
    });
}
