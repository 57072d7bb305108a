//! L9: to a server known to speak HTTP/2, the client opens one connection and waits for its
//! settings. It opens the next one when the first is full.

use keepalive::Reason;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
#[cfg(feature = "tls")]
use {
    super::server::client_of,
    super::tls::TlsServer,
    keepalive_http::Http,
    tokio::io::{AsyncReadExt, AsyncWriteExt},
};

use super::crowd::Crowd;
use super::server::{Server, ask, client};
use crate::support::{eventually, within};

/// How many streams there is room for in the windows that a connection has by default.
const ROOM: usize = 256;

#[tokio::test]
async fn cold_and_warm_from_one_to_five_hundred_requests() {
    for (requests, streams) in [
        (1, 1),
        (2, 1),
        (20, 1),
        (2, 100),
        (100, 100),
        (101, 100),
        (500, 100),
        (100, 10),
        (500, 1000),
    ] {
        for warm in [false, true] {
            let crowd = Crowd::allowing(streams);
            let uri: http::Uri = format!("http://{}/", crowd.listen().await).parse().unwrap();
            let client = client(1_000);
            if warm {
                within(client.get(uri.clone())).await.unwrap();
            }
            // As many as there are at once, each of which holds its place until all have one.
            crowd.answer(false);
            let mut asked: JoinSet<_> = (0..requests).map(|_| client.get(uri.clone())).collect();
            within(crowd.until_asked(requests + usize::from(warm))).await;
            crowd.answer(true);
            while let Some(response) = asked.join_next().await {
                within(async { response }).await.unwrap().unwrap();
            }
            let places = ROOM.min(streams as usize);
            let connections = crowd.connections();
            assert_eq!(
                connections,
                requests.div_ceil(places),
                "{requests} requests, {streams} streams, warm: {warm}"
            );
        }
    }
}

#[tokio::test]
async fn the_first_request_goes_at_once_and_the_others_wait_for_the_settings() {
    let crowd = Crowd::allowing(100);
    crowd.greet(false);
    let uri: http::Uri = format!("http://{}/", crowd.listen().await).parse().unwrap();
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
        within(response).await.unwrap().unwrap();
    }
    assert_eq!((crowd.connections(), totals().opened), (1, 1));
}

#[tokio::test]
async fn a_server_that_allows_none_is_waited_for() {
    let (server, client) = (Server::start().await, client(8));
    let first = ask(&client, server.uri("/"));
    let mut peer = server.accept(0).await;
    let stream = peer.request().await;
    let totals = || client.manager().totals();
    let others: Vec<_> = (0..3).map(|_| ask(&client, server.uri("/"))).collect();
    eventually("the others wait", || totals().waiting == 3).await;
    peer.answer(stream).await;
    within(first).await.unwrap().unwrap();
    eventually("nobody has it", || totals().idle == 1).await;
    assert_eq!((totals().open, totals().waiting), (1, 3));
    peer.allow(3).await;
    for _ in 0..3 {
        let stream = peer.request().await;
        peer.answer(stream).await;
    }
    for response in others {
        within(response).await.unwrap().unwrap();
    }
    assert_eq!(totals().opened, 1);
}

#[tokio::test]
async fn one_that_goes_before_it_has_said_anything_holds_nobody_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let uri: http::Uri = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let client = client(8);
    let totals = || client.manager().totals();
    let first = ask(&client, uri.clone());
    let (silent, _) = within(listener.accept()).await.unwrap();
    eventually("it has the connection", || totals().leased == 1).await;
    let others: Vec<_> = (0..20).map(|_| ask(&client, uri.clone())).collect();
    eventually("the others wait", || totals().waiting == 20).await;
    drop(silent);
    let crowd = Crowd::allowing(100);
    let (stream, _) = within(listener.accept()).await.unwrap();
    tokio::spawn(crowd.clone().serve(stream));
    for response in others {
        within(response).await.unwrap().unwrap();
    }
    // The fate of its request is unknown, so the client may or may not have sent it again.
    let _ = within(first).await.unwrap();
    assert_eq!((crowd.connections(), totals().opened), (1, 2));
}

/// The client remembers the protocol that a host chose by ALPN after its last connection closes.
#[cfg(feature = "tls")]
#[tokio::test]
async fn what_a_host_spoke_before_is_remembered() {
    let server = TlsServer::start(&["h2", "http/1.1"]).await;
    let uri = server.uri();
    let client = client_of(Http::over(server.net()), 8);
    let totals = || client.manager().totals();
    let crowd = Crowd::allowing(100);
    let first = ask(&client, uri.clone());
    let serving = tokio::spawn(crowd.clone().serve(server.next().await));
    within(first).await.unwrap().unwrap();
    serving.abort();
    eventually("none is left", || totals().open == 0).await;

    let asked: Vec<_> = (0..50).map(|_| ask(&client, uri.clone())).collect();
    eventually("all wait for one", || totals().waiting == 50).await;
    assert_eq!(totals().connecting, 1);
    tokio::spawn(crowd.clone().serve(server.next().await));
    for response in asked {
        within(response).await.unwrap().unwrap();
    }
    assert_eq!((crowd.connections(), totals().opened), (2, 2));
}

/// If the host now speaks HTTP/1.1, the memory is wrong: the other requests open theirs at once.
#[cfg(feature = "tls")]
#[tokio::test]
async fn until_it_speaks_otherwise() {
    let server = TlsServer::start(&["h2", "http/1.1"]).await;
    let uri = server.uri();
    let client = client_of(Http::over(server.net()), 4);
    let totals = || client.manager().totals();
    let crowd = Crowd::allowing(100);
    let first = ask(&client, uri.clone());
    let serving = tokio::spawn(crowd.clone().serve(server.next().await));
    within(first).await.unwrap().unwrap();
    serving.abort();
    eventually("none is left", || totals().open == 0).await;

    let server = server.knowing(&["http/1.1"]);
    let asked: Vec<_> = (0..4).map(|_| ask(&client, uri.clone())).collect();
    eventually("all wait for one", || totals().waiting == 4).await;
    assert_eq!(totals().connecting, 1);
    let mut peers = Vec::new();
    for _ in 0..4 {
        peers.push(within(server.next()).await);
    }
    for peer in &mut peers {
        let mut head = [0; 4];
        within(peer.read_exact(&mut head)).await.unwrap();
        assert_eq!(&head, b"GET ");
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        within(peer.write_all(answer)).await.unwrap();
    }
    for response in asked {
        within(response).await.unwrap().unwrap();
    }
    assert_eq!(totals().opened, 5);
}
