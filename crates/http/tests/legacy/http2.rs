//! HTTP/2 by the interface of hyper-util.

use std::time::Duration;

use http::{Request, Version};
use http_body_util::Empty;
use hyper::body::Bytes;
use keepalive_http::legacy::connect::Connected;
use keepalive_http::legacy::{Builder, Client};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::crowd::Crowd;
use crate::frames::{self, CANCEL, Peer, RST_STREAM};
use crate::support::{Told, builder, client, eventually, get, text, within};

/// Without a limit of connections, as hyper-util has it.
fn client_of_http_2(connector: &Told) -> Client<Told, Empty<Bytes>> {
    builder().http2_only(true).build(connector.clone())
}

/// hyper-util sends all requests at once, and those that the server refuses fail.
#[tokio::test]
async fn settings_that_come_late_lose_no_request() {
    for streams in [1, 10, 100] {
        let crowd = Crowd::allowing(streams);
        crowd.greet(false);
        let uri: http::Uri = crowd.listen().await;
        let connector = Told::new();
        let client = client_of_http_2(&connector);
        let asked = (0..100).map(|_| client.request(get(uri.clone())));
        let mut asked: JoinSet<_> = asked.collect();
        let manager = client.manager().unwrap();
        eventually("the others wait", || {
            let total = manager.stats().total;
            (total.leased, total.waiting) == (1, 99)
        })
        .await;
        assert_eq!(crowd.connections(), 1, "{streams} streams");
        crowd.greet(true);
        while let Some(response) = asked.join_next().await {
            response.unwrap().unwrap();
        }
        // No more than if all had been under way at once.
        let connections = crowd.connections();
        assert!(connections <= 100 / streams as usize, "{connections}");
    }
}

/// `http2_initial_max_send_streams` sets how many streams a client opens before it knows the limit.
#[tokio::test]
async fn the_initial_number_of_streams_may_be_set() {
    let crowd = Crowd::allowing(100);
    crowd.greet(false);
    let uri: http::Uri = crowd.listen().await;
    let mut builder = builder();
    builder.http2_only(true).http2_initial_max_send_streams(7);
    let client: Client<Told, Empty<Bytes>> = builder.build(Told::new());
    let mut asked = JoinSet::new();
    asked.spawn(client.request(get(uri.clone())));
    (1..20).for_each(|_| {
        asked.spawn(client.request(get(uri.clone())));
    });
    let manager = client.manager().unwrap();
    eventually("the others wait", || manager.stats().total.waiting == 13).await;
    crowd.greet(true);
    while let Some(response) = asked.join_next().await {
        response.unwrap().unwrap();
    }
    assert_eq!(crowd.connections(), 1);
}

/// The client does not know yet that the host speaks HTTP/2, so it opens a connection for each
/// request. A server that serves only the first connection receives all requests there.
#[tokio::test]
async fn a_connection_that_stays_silent_keeps_no_request_from_another() {
    let crowd = Crowd::allowing(10);
    crowd.answer(true);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri: http::Uri = format!("http://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        crowd.serve(stream).await;
        drop(listener);
    });
    let connector = Told::describing(Connected::negotiated_h2);
    let client: Client<Told, Empty<Bytes>> = builder().build(connector.clone());
    let asked = (0..3).map(|_| client.request(get(uri.clone())));
    let mut asked: JoinSet<_> = asked.collect();
    while let Some(response) = within(asked.join_next()).await {
        response.unwrap().unwrap();
    }
    assert_eq!(connector.opened(), 3);
    within(client.request(get(uri))).await.unwrap();
    assert_eq!(connector.opened(), 3);
}

type H2 = Client<Told, Empty<Bytes>>;

/// A client, a server, and a response whose body has not come yet.
async fn begun(
    builder: &mut Builder,
) -> (
    H2,
    frames::Server,
    Peer,
    u32,
    http::Response<hyper::body::Incoming>,
) {
    let server = frames::Server::start().await;
    let client: H2 = builder.http2_only(true).build(Told::new());
    let asked = tokio::spawn(client.request(get(server.uri("/a"))));
    let mut peer = server.accept(1).await;
    let stream = peer.request().await;
    peer.begin(stream).await;
    let response = within(asked).await.unwrap().unwrap();
    (client, server, peer, stream, response)
}

#[tokio::test]
async fn a_stream_holds_its_place_until_its_end_arrives() {
    let (client, server, mut peer, stream, response) = begun(builder().max_per_host(1)).await;
    let manager = client.manager().unwrap();
    assert_eq!(manager.stats().total.leased, 1);
    let second = tokio::spawn(client.request(get(server.uri("/b"))));
    eventually("it waits", || manager.stats().total.waiting == 1).await;
    peer.end(stream, "the rest").await;
    peer.serve().await;
    within(second).await.unwrap().unwrap();
    eventually("nobody has it", || manager.stats().total.idle == 1).await;
    assert_eq!(text(response).await, "the rest");
}

#[tokio::test]
async fn a_stream_gives_its_place_back_when_its_body_is_dropped() {
    let (client, _server, mut peer, stream, response) = begun(&mut builder()).await;
    let manager = client.manager().unwrap();
    drop(response);
    let reset = peer.next(RST_STREAM).await;
    assert_eq!((reset.stream, reset.reason()), (stream, CANCEL));
    eventually("nobody has it", || manager.stats().total.idle == 1).await;
}

#[tokio::test]
async fn a_stream_gives_its_permit_back_when_its_server_closes() {
    let (client, _server, peer, _, response) = begun(&mut builder()).await;
    let manager = client.manager().unwrap();
    drop(peer);
    eventually("its permit is free", || manager.stats().total.open == 0).await;
    drop(response);
}

#[tokio::test]
async fn a_stream_gives_its_permit_back_when_its_server_vanishes() {
    let time = Duration::from_millis(20);
    let mut builder = builder();
    builder
        .http2_keep_alive_interval(time)
        .http2_keep_alive_timeout(time);
    let (client, _server, mut peer, _, response) = begun(&mut builder).await;
    let manager = client.manager().unwrap();
    peer.ignored().await;
    eventually("its permit is free", || manager.stats().total.open == 0).await;
    drop(response);
}

#[tokio::test]
async fn a_stream_goes_on_when_its_client_is_dropped() {
    let (client, _server, mut peer, stream, response) = begun(&mut builder()).await;
    drop(client);
    peer.end(stream, "the rest").await;
    assert_eq!(text(response).await, "the rest");
    peer.ignored().await;
}

#[tokio::test]
async fn http_2_is_spoken_if_the_connector_negotiated_it() {
    let connector = Told::describing(Connected::negotiated_h2);
    carries_all(&connector, client(&connector)).await;
}

#[tokio::test]
async fn http_2_is_spoken_if_the_user_sets_it() {
    let connector = Told::new();
    let client = builder().http2_only(true).build(connector.clone());
    carries_all(&connector, client).await;
}

#[tokio::test]
async fn a_connection_is_replaced_for_cancelled_exchanges_and_not_for_ended_ones() {
    let connector = Told::describing(Connected::negotiated_h2);
    let client = client(&connector);
    let server = frames::Server::start().await;
    let ask = || tokio::spawn(client.request(get(server.uri("/a"))));
    let first = ask();
    let mut peer = server.accept(100).await;
    peer.serve().await;
    within(first).await.unwrap().unwrap();
    for _ in 0..600 {
        let asked = ask();
        peer.serve().await;
        within(asked).await.unwrap().unwrap();
    }
    assert_eq!(connector.opened(), 1);

    for _ in 0..6 {
        let asked = [(); 100].map(|()| ask());
        for _ in 0..100 {
            let stream = peer.request().await;
            peer.begin(stream).await;
        }
        for asked in asked {
            drop(within(asked).await.unwrap().unwrap());
        }
        for _ in 0..100 {
            peer.next(RST_STREAM).await;
        }
    }
    let manager = client.manager().unwrap();
    eventually("it is closed", || manager.totals().open == 0).await;
}

/// One connection carries all requests, several at a time.
async fn carries_all(connector: &Told, client: Client<Told, Empty<Bytes>>) {
    let server = frames::Server::start().await;
    let first = tokio::spawn(client.request(get(server.uri("/a"))));
    let mut peer = server.accept(10).await;
    peer.serve().await;
    within(first).await.unwrap().unwrap();

    let plain = tokio::spawn(client.request(get(server.uri("/b"))));
    let wanted = Request::get(server.uri("/c")).version(Version::HTTP_2);
    let wanted = tokio::spawn(client.request(wanted.body(Empty::new()).unwrap()));
    let streams = [peer.request().await, peer.request().await];
    for stream in streams {
        peer.answer(stream).await;
    }
    for asked in [plain, wanted] {
        let response = within(asked).await.unwrap().unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
    }
    assert_eq!(connector.opened(), 1);
}
