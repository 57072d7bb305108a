use http::header::UPGRADE;
use http::{Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use keepalive_http::legacy::Client;
use keepalive_http::legacy::connect::{Parts, downcast};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::yield_now;

use crate::support::{
    Peer, Server, Told, ToldStream, builder, client, eventually, exchange, get, ok, text, within,
};

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: foobar\r\n\r\nfoobar=ready";
const TUNNEL: &str = "HTTP/1.1 200 OK\r\n\r\nfoobar=ready";

type Ask = fn(&Server) -> Request<Empty<Bytes>>;

/// An upgrade, one that nobody asked for, and a tunnel; and what the server answers.
const WAYS: [(Ask, &str); 3] = [
    (|server| upgrade(server.uri("/up")), SWITCHING),
    (|server| get(server.uri("/up")), SWITCHING),
    (|server| tunnel(server.uri("")), TUNNEL),
];

fn upgrade(uri: Uri) -> Request<Empty<Bytes>> {
    let request = Request::get(uri).header(UPGRADE, "foobar");
    request.body(Empty::new()).unwrap()
}

fn tunnel(uri: Uri) -> Request<Empty<Bytes>> {
    Request::connect(uri).body(Empty::new()).unwrap()
}

fn counting(connector: &Told) -> Client<Told, Empty<Bytes>> {
    builder().count_upgraded(true).build(connector.clone())
}

/// Has a connection change its protocol: a new one, or one that has been used before.
async fn upgraded(
    client: &Client<Told, Empty<Bytes>>,
    server: &Server,
    (ask, answer): (Ask, &str),
    used: bool,
) -> (Upgraded, Peer) {
    let (response, peer) = if used {
        let first = client.request(get(server.uri("/a")));
        let (response, mut peer) = exchange(first, server.serve(ok("one"))).await;
        assert_eq!(text(response.unwrap()).await, "one");
        let manager = client.manager().unwrap();
        eventually("it is idle", || manager.stats().total.idle == 1).await;
        let serve = async {
            peer.serve(answer).await;
            peer
        };
        exchange(client.request(ask(server)), serve).await
    } else {
        exchange(client.request(ask(server)), server.serve(answer)).await
    };
    let on = hyper::upgrade::on(response.unwrap());
    (within(on).await.unwrap(), peer)
}

#[tokio::test]
async fn and_hyper_gives_what_the_connector_opened() {
    for way in WAYS {
        for used in [false, true] {
            let server = Server::start().await;
            let connector = Told::new();
            let client = client(&connector);
            let (upgraded, mut peer) = upgraded(&client, &server, way, used).await;
            let parts = upgraded.downcast::<ToldStream>().expect("the stream");
            assert_eq!(&parts.read_buf[..], b"foobar=ready");
            let mut io = TokioIo::new(parts.io);
            io.write_all(b"foo=bar").await.unwrap();
            assert_eq!(peer.read(7).await, "foo=bar");
            assert_eq!((connector.opened(), connector.closed()), (1, 0));
            let manager = client.manager().unwrap();
            eventually("it counts no longer", || manager.stats().total.open == 0).await;
            drop(io);
            assert_eq!(connector.closed(), 1);
            peer.closed().await;
        }
    }
}

#[tokio::test]
async fn and_is_the_users_own_afterwards() {
    for way in WAYS {
        let server = Server::start().await;
        let client = client(&Told::new());
        let (upgraded, mut peer) = upgraded(&client, &server, way, false).await;
        let manager = client.manager().unwrap();
        eventually("it counts no longer", || manager.stats().total.open == 0).await;
        drop(client);
        let io = converse(upgraded, &mut peer).await;
        drop(io);
        peer.closed().await;
    }
}

#[tokio::test]
async fn and_counts_until_it_is_dropped_if_that_is_wanted() {
    for way in WAYS {
        for used in [false, true] {
            let server = Server::start().await;
            let client = counting(&Told::new());
            let (upgraded, mut peer) = upgraded(&client, &server, way, used).await;
            let io = converse(upgraded, &mut peer).await;
            let manager = client.manager().unwrap();
            assert_eq!(manager.stats().total.leased, 1);
            drop(io);
            peer.closed().await;
            eventually("its slot is free", || manager.stats().total.open == 0).await;
        }
    }
}

/// Reads the bytes that came with the response, then exchanges messages both ways.
async fn converse(upgraded: Upgraded, peer: &mut Peer) -> TokioIo<Upgraded> {
    let mut io = TokioIo::new(upgraded);
    let mut text = [0; 12];
    io.read_exact(&mut text).await.unwrap();
    assert_eq!(&text, b"foobar=ready");
    io.write_all(b"foo=bar").await.unwrap();
    assert_eq!(peer.read(7).await, "foo=bar");
    peer.send("bar=foo").await;
    let mut text = [0; 7];
    io.read_exact(&mut text).await.unwrap();
    assert_eq!(&text, b"bar=foo");
    io
}

#[tokio::test]
async fn and_what_the_connector_opened_counts_with_its_slot() {
    let server = Server::start().await;
    let connector = Told::new();
    let client = counting(&connector);
    let (upgraded, mut peer) = upgraded(&client, &server, WAYS[0], false).await;
    let Ok(Parts {
        io, read_buf, slot, ..
    }) = downcast::<ToldStream>(upgraded)
    else {
        panic!("it is another type");
    };
    assert_eq!(&read_buf[..], b"foobar=ready");
    let manager = client.manager().unwrap();
    drop(io);
    assert_eq!(connector.closed(), 1);
    peer.closed().await;
    // A task that gave the slot back would have run by now.
    for _ in 0..10 {
        yield_now().await;
    }
    assert_eq!(manager.stats().total.leased, 1);
    drop(slot);
    eventually("its slot is free", || manager.stats().total.open == 0).await;
}

#[tokio::test]
async fn and_what_does_not_count_can_be_had_in_the_same_way() {
    let server = Server::start().await;
    let client = client(&Told::new());
    let (upgraded, _peer) = upgraded(&client, &server, WAYS[0], false).await;
    let parts = downcast::<ToldStream>(upgraded).expect("the stream");
    assert_eq!(&parts.read_buf[..], b"foobar=ready");
}

#[tokio::test]
async fn and_what_is_another_type_comes_back() {
    for client in [client(&Told::new()), counting(&Told::new())] {
        let server = Server::start().await;
        let (upgraded, _peer) = upgraded(&client, &server, WAYS[0], false).await;
        let Err(Some(upgraded)) = downcast::<TokioIo<TcpStream>>(upgraded) else {
            panic!("it is a stream of the connector's own");
        };
        let mut text = [0; 12];
        TokioIo::new(upgraded).read_exact(&mut text).await.unwrap();
        assert_eq!(&text, b"foobar=ready");
    }
}

#[tokio::test]
async fn and_one_that_may_not_is_used_again() {
    for client in [client(&Told::new()), counting(&Told::new())] {
        let server = Server::start().await;
        let ask = client.request(upgrade(server.uri("/up")));
        let refusal = "HTTP/1.1 426 Upgrade Required\r\ncontent-length: 2\r\n\r\nno";
        let (response, mut peer) = exchange(ask, server.serve(refusal)).await;
        let response = response.unwrap();
        assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
        assert_eq!(text(response).await, "no");
        let manager = client.manager().unwrap();
        eventually("it is idle", || manager.stats().total.idle == 1).await;
        let ask = client.request(get(server.uri("/a")));
        let (response, _) = exchange(ask, peer.serve(ok("yes"))).await;
        assert_eq!(text(response.unwrap()).await, "yes");
    }
}
