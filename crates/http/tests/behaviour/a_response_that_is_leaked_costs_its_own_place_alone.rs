//! W3: a leaked response keeps its connection, and the list of leases names its caller.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use keepalive::Manager;
use keepalive_http::{Client, Http};

use crate::support::{Server, exchange, ok, text, within};

#[tokio::test]
async fn a_response_that_is_leaked_costs_its_own_place_alone() {
    let (server, other) = (Server::start().await, Server::start().await);
    let manager = Manager::builder().max_per_host(1).max_open(2);
    let manager = manager.timeout(Duration::from_millis(100));
    let client = Client::new(manager.connector(Http::new()).build().unwrap());
    let line = line!() + 1;
    let leaked = client.get(server.uri("/"));
    let (response, _peer) = exchange(leaked, server.serve(ok("one"))).await;
    std::mem::forget(response.unwrap());

    let error = within(client.get(server.uri("/"))).await.unwrap_err();
    assert_eq!(error.function(), "queue", "{error}");
    let leases = client.manager().leases();
    let lines: Vec<u32> = leases.iter().map(|lease| lease.location.line()).collect();
    assert_eq!(lines, [line]);

    let (response, _peer) = exchange(client.get(other.uri("/")), other.serve(ok("two"))).await;
    assert_eq!(text(response.unwrap()).await, "two");
    assert_eq!(client.manager().totals().leased, 1);
}
