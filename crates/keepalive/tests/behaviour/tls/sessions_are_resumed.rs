//! The second connection to a host resumes the session of the first.

use crate::support::tls::trusted;
use crate::support::{echo, run};
use keepalive::Manager;

#[test]
fn across_connections_and_managers_with_the_same_settings() {
    run(async || {
        let (server, tls) = trusted();
        let open = async |resumed: bool| {
            let manager = Manager::builder().tls(tls.clone()).build().unwrap();
            let mut lease = manager.allocate(server.request()).await.unwrap();
            assert_eq!(lease.tls().unwrap().is_resumed(), resumed);
            assert_eq!(lease.tls().unwrap().peer_certificates().count(), 1);
            // The tickets come before the answer.
            echo(&mut lease, "hello").await;
        };
        open(false).await;
        open(true).await;
        open(true).await;
    });
}
