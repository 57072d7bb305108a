use http_body_util::Empty;
use hyper::body::Bytes;
use keepalive_http::legacy::Client;
use keepalive_http::legacy::connect::Connected;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::crowd::Crowd;
use crate::support::{Told, builder, eventually, get, within};

/// Without a limit of connections, as hyper-util has it.
fn client(connector: &Told) -> Client<Told, Empty<Bytes>> {
    builder().http2_only(true).build(connector.clone())
}

/// Each holds its place until all have one.
#[tokio::test]
async fn cold_and_warm_from_one_to_five_hundred_requests() {
    for (requests, streams) in [
        (1, 1),
        (20, 1),
        (50, 10),
        (100, 10),
        (100, 100),
        (500, 100),
        (500, 1000),
    ] {
        for warm in [false, true] {
            let crowd = Crowd::allowing(streams);
            let uri: http::Uri = crowd.listen().await;
            let connector = Told::new();
            let client = client(&connector);
            if warm {
                within(client.request(get(uri.clone()))).await.unwrap();
            }
            crowd.answer(false);
            let asked = (0..requests).map(|_| client.request(get(uri.clone())));
            let mut asked: JoinSet<_> = asked.collect();
            within(crowd.until_asked(requests + usize::from(warm))).await;
            crowd.answer(true);
            while let Some(response) = asked.join_next().await {
                response.unwrap().unwrap();
            }
            let places = 256.min(streams as usize);
            let wanted = requests.div_ceil(places);
            assert_eq!(
                (crowd.connections(), connector.opened()),
                (wanted, wanted),
                "{requests} requests, {streams} streams, warm: {warm}"
            );
        }
    }
}

/// hyper-util sends all requests at once, and those that the server refuses fail.
#[tokio::test]
async fn and_no_request_is_lost_to_settings_that_come_late() {
    for streams in [1, 10, 100] {
        let crowd = Crowd::allowing(streams);
        crowd.greet(false);
        let uri: http::Uri = crowd.listen().await;
        let connector = Told::new();
        let client = client(&connector);
        let asked = (0..100).map(|_| client.request(get(uri.clone())));
        let mut asked: JoinSet<_> = asked.collect();
        let manager = loop {
            tokio::task::yield_now().await;
            if let Some(manager) = client.manager() {
                break manager;
            }
        };
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
async fn unless_it_is_said_how_many_may_be_ventured() {
    let crowd = Crowd::allowing(100);
    crowd.greet(false);
    let uri: http::Uri = crowd.listen().await;
    let mut builder = builder();
    builder.http2_only(true).http2_initial_max_send_streams(7);
    let client: Client<Told, Empty<Bytes>> = builder.build(Told::new());
    let mut asked = JoinSet::new();
    asked.spawn(client.request(get(uri.clone())));
    eventually("the first is asked", || client.manager().is_some()).await;
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
async fn and_one_that_says_nothing_keeps_no_request_from_another() {
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
