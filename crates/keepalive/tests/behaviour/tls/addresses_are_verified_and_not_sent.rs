//! Names are sent to the server in their normal form; addresses are not sent.

use crate::support::tls::trusted;
use crate::support::{ask, run};
use keepalive::Manager;

#[test]
fn the_server_hears_names_alone() {
    run(async || {
        let (server, tls) = trusted();
        let manager = Manager::builder().tls(tls).build().unwrap();
        for (address, sent) in [
            ("localhost", "localhost"),
            ("LocalHost.", "localhost"),
            ("127.0.0.1", "none"),
        ] {
            let request = server.request_at("https", address).partition(address);
            let mut lease = manager.allocate(request).await.unwrap();
            assert_eq!(ask(&mut lease, "sni").await, sent, "{address}");
        }
    });
}
