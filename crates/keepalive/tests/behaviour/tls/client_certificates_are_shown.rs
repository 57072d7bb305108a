//! A server that asks for client certificates gets them, and refuses those that it does not trust.

use crate::support::tls::{Authority, TlsServer};
use crate::support::{echo, run};
use keepalive::{Manager, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[test]
fn the_right_one_none_and_a_wrong_one() {
    run(async || {
        let (root, clients) = (Authority::root("servers"), Authority::root("clients"));
        let identity = root.issue(&["127.0.0.1"]);
        let server = TlsServer::start(identity.config_for(Some(&clients)));
        let manager = Manager::new();
        let with = |issuer: Option<&Authority>| {
            let mut tls = Tls::builder().roots_pem(root.pem());
            if let Some(issuer) = issuer {
                let me = issuer.issue(&["me.test"]);
                tls = tls.client_certificate_pem(me.pem.clone(), me.key_pem());
            }
            server.request().tls(tls.build().unwrap())
        };
        let mut lease = manager.allocate(with(Some(&clients))).await.unwrap();
        echo(&mut lease, "hello").await;

        for (issuer, expected) in [
            (None, "it wants a client certificate, and none was shown"),
            (Some(&root), "it does not accept the client certificate"),
        ] {
            // In TLS 1.3 the client has finished before the server looks.
            let mut lease = manager.allocate(with(issuer)).await.unwrap();
            let _ = lease.write_all(b"hello\n").await;
            let refused = lease.read_u8().await.unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
        }
    });
}
