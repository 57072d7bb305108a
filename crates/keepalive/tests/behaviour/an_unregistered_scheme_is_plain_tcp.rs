//! R2: an unregistered scheme is plain TCP, and has connections of its own.

use crate::support::{Server, echo, run};
use keepalive::{Manager, Request};

#[test]
fn any_token_is_a_scheme_and_two_schemes_share_nothing() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        for scheme in ["gopher", "my-own.protocol+1"] {
            let request = Request::new(scheme, "127.0.0.1", server.port()).unwrap();
            let mut lease = manager.allocate(request).await.unwrap();
            assert_eq!(lease.from_cache(), None);
            assert_eq!(lease.host().scheme(), scheme);
            echo(&mut lease, scheme).await;
            lease.free();
        }
        assert_eq!(manager.totals().idle, 2);
    });
}
