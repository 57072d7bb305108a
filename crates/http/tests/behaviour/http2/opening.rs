//! L9: to a server known to speak HTTP/2, the client opens one connection and waits for its
//! settings. It opens the next one when the first is full. H9: the server's setting is the number of
//! leases that a connection carries, as it changes.
#![allow(clippy::unwrap_used)]

use keepalive::{FromCache, Reason};
use keepalive_testkit::http_server;
#[cfg(feature = "tls")]
use {crate::support::client_of, crate::support::tls::TlsServer, keepalive_http::Http};

use super::crowd::Crowd;
use super::frames::Server;
use super::limits::{LONG, User, all, cells_of};
use super::{answered, ask, client};
use crate::support::{allocation, eventually, within};

/// How many streams there is room for in the windows that a connection has by default.
const ROOM: usize = 256;

#[tokio::test]
async fn up_to_five_hundred_requests_open_no_more_connections_than_they_need() {
    for (requests, streams) in [
        (1, 1),
        (2, 1),
        (20, 1),
        (50, 10),
        (2, 100),
        (100, 100),
        (101, 100),
        (500, 100),
        (100, 10),
        (500, 1000),
    ] {
        for cell in cells_of(&[1_000]) {
            let crowd = Crowd::allowing(streams);
            let port = crowd.listen().await.port_u16().unwrap();
            let user = User::new(cell, port, LONG);
            if cell.is_warm {
                all(user.ask(1)).await;
            }
            // As many as there are at once, each of which holds its place until all have one.
            crowd.answer(false);
            let asked = user.ask(requests);
            within(crowd.until_asked(requests + usize::from(cell.is_warm))).await;
            crowd.answer(true);
            all(asked).await;
            let wanted = requests.div_ceil(ROOM.min(streams as usize));
            let case = format!("{requests} requests, {streams} streams, {cell:?}");
            assert_eq!(crowd.connections(), wanted, "{case}");
        }
    }
}

#[tokio::test]
async fn the_first_request_goes_at_once_and_the_others_wait_for_the_settings() {
    let crowd = Crowd::allowing(100);
    crowd.greet(false);
    let uri = crowd.listen().await;
    let client = client(1_000);
    let totals = || client.manager().totals();
    let asked: Vec<_> = (0..100).map(|_| ask(&client, uri.clone())).collect();
    eventually("one has a connection", || totals().leased == 1).await;
    assert_eq!((totals().waiting, totals().open), (99, 1));
    let request = keepalive::Request::new("http", "127.0.0.1", uri.port_u16().unwrap()).unwrap();
    let waits = client.manager().allocate(request);
    let reason = waits.waiting().map(|waiting| waiting.reason());
    assert_eq!(reason, Some(Reason::PeerLimit));
    drop(waits);
    crowd.greet(true);
    for response in asked {
        answered(response).await;
    }
    assert_eq!((crowd.connections(), totals().opened), (1, 1));
}

#[tokio::test]
async fn requests_wait_for_a_server_that_allows_no_stream() {
    let (server, client) = (Server::start().await, client(8));
    let first = ask(&client, server.uri("/"));
    let mut peer = server.accept(0).await;
    let stream = peer.request().await;
    let totals = || client.manager().totals();
    let others: Vec<_> = (0..3).map(|_| ask(&client, server.uri("/"))).collect();
    eventually("the others wait", || totals().waiting == 3).await;
    peer.answer(stream).await;
    answered(first).await;
    eventually("nobody has it", || totals().idle == 1).await;
    assert_eq!((totals().open, totals().waiting), (1, 3));
    peer.allow(3).await;
    for _ in 0..3 {
        peer.serve().await;
    }
    for response in others {
        answered(response).await;
    }
    assert_eq!(totals().opened, 1);
}

#[tokio::test]
async fn a_connection_that_closes_before_its_settings_holds_up_no_request() {
    let server = http_server::Server::start().await;
    let uri = server.uri("/");
    let client = client(8);
    let totals = || client.manager().totals();
    let first = ask(&client, uri.clone());
    let silent = server.accept().await;
    eventually("it has the connection", || totals().leased == 1).await;
    let others: Vec<_> = (0..20).map(|_| ask(&client, uri.clone())).collect();
    eventually("the others wait", || totals().waiting == 20).await;
    drop(silent);
    let crowd = Crowd::allowing(100);
    let stream = server.accept().await.into_stream();
    tokio::spawn(crowd.clone().serve(stream));
    for response in others {
        answered(response).await;
    }
    // The fate of its request is unknown, so the client may or may not have sent it again.
    let _ = within(first).await.unwrap();
    assert_eq!((crowd.connections(), totals().opened), (1, 2));
}

/// The client remembers the protocol that a host chose by ALPN after its last connection closes. If
/// the host now speaks HTTP/1.1, the memory is wrong: the other requests open theirs at once.
#[cfg(feature = "tls")]
#[tokio::test]
async fn the_version_that_a_host_spoke_is_remembered_until_it_speaks_another() {
    for speaks_otherwise in [false, true] {
        let server = TlsServer::start(&["h2", "http/1.1"]).await;
        let uri = server.uri();
        let client = client_of(Http::over(server.net()), 4);
        let totals = || client.manager().totals();
        let crowd = Crowd::allowing(100);
        let first = ask(&client, uri.clone());
        let serving = tokio::spawn(crowd.clone().serve(server.next().await));
        answered(first).await;
        serving.abort();
        eventually("none is left", || totals().open == 0).await;

        let server = match speaks_otherwise {
            true => server.knowing(&["http/1.1"]),
            false => server,
        };
        let asked = [(); 50].map(|()| ask(&client, uri.clone()));
        eventually("all wait for one", || totals().waiting == 50).await;
        assert_eq!(totals().connecting, 1);
        let opened = if speaks_otherwise {
            for _ in 0..4 {
                tokio::spawn(serve_http_1(within(server.next()).await));
            }
            5
        } else {
            tokio::spawn(crowd.clone().serve(server.next().await));
            2
        };
        for response in asked {
            answered(response).await;
        }
        assert_eq!(totals().opened, opened);
    }
}

/// Answers requests of HTTP/1.1 until the client closes.
#[cfg(feature = "tls")]
async fn serve_http_1(stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>) {
    let mut peer = crate::support::Peer::new(stream);
    while let Some(head) = peer.head().await {
        assert!(head.starts_with("GET "), "{head}");
        peer.send(&crate::support::ok("")).await;
    }
}

#[tokio::test]
async fn a_connection_carries_three_exchanges_at_a_time_if_the_server_allows_three() {
    let (server, client) = (Server::start().await, client(1));
    let first = ask(&client, server.uri("/"));
    let mut peer = server.accept(3).await;
    peer.serve().await;
    let response = answered(first).await;
    assert_eq!(response.version(), http::Version::HTTP_2);
    assert_eq!(allocation(&response).from_cache, None);

    let asked: Vec<_> = (0..5).map(|_| ask(&client, server.uri("/"))).collect();
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(peer.request().await);
    }
    eventually("two wait", || client.manager().totals().waiting == 2).await;
    for _ in 0..2 {
        peer.answer(streams.remove(0)).await;
        streams.push(peer.request().await);
    }
    for stream in streams {
        peer.answer(stream).await;
    }
    let mut immediate = 0;
    for response in asked {
        let response = answered(response).await;
        immediate += usize::from(allocation(&response).from_cache == Some(FromCache::Immediate));
    }
    assert_eq!(immediate, 3, "the others waited");
    let totals = client.manager().totals();
    assert_eq!((totals.opened, totals.open, totals.leased), (1, 1, 0));
}

#[tokio::test]
async fn another_connection_opens_when_all_are_full() {
    let (server, client) = (Server::start().await, client(2));
    let first = ask(&client, server.uri("/"));
    let mut one = server.accept(1).await;
    let stream = one.request().await;
    eventually("its setting is known", || {
        client.manager().stats().hosts[0].counts.leased == 1
    })
    .await;
    one.answer(stream).await;
    answered(first).await;

    let second = ask(&client, server.uri("/"));
    let held = one.request().await;
    let third = ask(&client, server.uri("/"));
    let mut two = server.accept(1).await;
    two.serve().await;
    answered(third).await;
    one.answer(held).await;
    answered(second).await;
    assert_eq!(client.manager().totals().opened, 2);
}

#[tokio::test]
async fn a_waiting_request_is_sent_when_the_server_allows_more() {
    let (server, client) = (Server::start().await, client(1));
    let first = ask(&client, server.uri("/"));
    let mut peer = server.accept(1).await;
    peer.serve().await;
    answered(first).await;

    let asked = [ask(&client, server.uri("/")), ask(&client, server.uri("/"))];
    let one = peer.request().await;
    eventually("one waits", || client.manager().totals().waiting == 1).await;
    peer.allow(2).await;
    let two = peer.request().await;
    peer.answer(two).await;
    peer.answer(one).await;
    for response in asked {
        answered(response).await;
    }
    assert_eq!(client.manager().totals().opened, 1);
}
