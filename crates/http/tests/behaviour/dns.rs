//! N4: when a name no longer resolves to an address, the manager closes its connections there: idle
//! ones at once, others when they come back.
#![allow(clippy::unwrap_used)]
#![cfg(target_os = "linux")] // all of 127.0.0.0/8 is here

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::support::{Server, exchange, ok, text};
use http::Uri;
use keepalive::{Addresses, Families, Manager, NetConnector, Request, Resolve, ResolveError};
use keepalive_http::{Client, Http};

/// Every name is at 127.0.0.x.
#[derive(Clone)]
struct At(Arc<AtomicU8>);

impl Resolve for At {
    async fn lookup(&self, _: &str, _: Families) -> Result<Addresses, ResolveError> {
        let last = self.0.load(Ordering::SeqCst);
        let address = Ipv4Addr::new(127, 0, 0, last);
        Ok(Addresses::new([IpAddr::V4(address)]))
    }
}

#[tokio::test]
async fn a_name_that_moves_closes_its_connections_idle_or_leased() {
    let (server, at) = (Server::start().await, At(Arc::new(AtomicU8::new(1))));
    let net = NetConnector::new().resolver(at.clone());
    let http = Http::over(net.dns_cache_ttl(Duration::ZERO));
    let manager = Manager::builder().connector(http).build().unwrap();
    let client = Client::new(manager.clone());

    let get = |path: &str| {
        let uri = format!("http://example.test:{}{path}", server.port());
        client.get(uri.parse::<Uri>().unwrap())
    };
    let (held, mut leased) = exchange(get("/1"), server.serve(ok("one"))).await;
    let (read, mut idle) = exchange(get("/2"), server.serve(ok("two"))).await;
    text(read.unwrap()).await;

    at.0.store(9, Ordering::SeqCst);
    let request = Request::new("http", "example.test", server.port()).unwrap();
    // Nobody listens there, but the name has been looked up.
    assert!(manager.allocate(request.partition("other")).await.is_err());
    idle.closed().await;
    assert_eq!(text(held.unwrap()).await, "one");
    leased.closed().await;
}
