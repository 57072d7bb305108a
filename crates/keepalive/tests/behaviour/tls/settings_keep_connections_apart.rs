//! X2: connections are shared among requests with the same TLS settings, and no others.

use std::collections::HashSet;

use crate::support::tls::{server, trust};
use crate::support::{echo, run};
use keepalive::{FromCache, Manager, Request};

#[test]
fn the_same_settings_share_and_equal_ones_do_not() {
    run(async || {
        let (root, server) = server();
        let (ours, theirs) = (trust(&root), trust(&root));
        assert_ne!(ours, theirs);
        let manager = Manager::builder().tls(ours.clone()).build().unwrap();
        let requests = [
            server.request(),
            server.request().tls(ours.clone()),
            server.request().tls(theirs.clone()),
            server.request().tls(ours.clone()).partition("blue"),
            server.request().partition("blue").tls(theirs.clone()),
        ];
        for request in &requests {
            let mut lease = manager.allocate(request.clone()).await.unwrap();
            assert_eq!(lease.from_cache(), None, "{request:?}");
            echo(&mut lease, "hello").await;
            lease.free();
        }
        assert_eq!(manager.totals().idle, requests.len());
        let again = server.request().partition("blue").tls(ours.clone());
        assert_eq!(again.host(), requests[3].host());
        let lease = manager.allocate(again).await.unwrap();
        assert_eq!(lease.from_cache(), Some(FromCache::Immediate));

        let hosts: HashSet<_> = requests.iter().map(Request::host).collect();
        assert_eq!(hosts.len(), requests.len());
        let shown: HashSet<_> = hosts.iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), requests.len(), "{shown:?}");
    });
}
