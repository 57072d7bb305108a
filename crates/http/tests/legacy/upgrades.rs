//! Upgrades and tunnels.

use std::convert::Infallible;

use http::header::{HOST, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{Request, Response, StatusCode, Uri, Version};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::ext::Protocol;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioIo};
use keepalive_http::legacy::connect::{Connected, Parts, downcast};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::yield_now;

use crate::support::{
    Pair, Peer, Server, Told, ToldStream, builder, client, eventually, exchange, get, ok, text,
    within,
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

async fn counting() -> Pair {
    Pair::of(builder().count_upgraded(true)).await
}

/// Has a connection change its protocol: a new one, or one that has been used before.
async fn upgraded(pair: &Pair, (ask, answer): (Ask, &str), used: bool) -> (Upgraded, Peer) {
    let mut peer = match used {
        true => Some(pair.used().await),
        false => None,
    };
    let serve = async {
        match peer.take() {
            Some(mut peer) => {
                peer.serve(answer).await;
                peer
            }
            None => pair.server.serve(answer).await,
        }
    };
    let asked = pair.client.request(ask(&pair.server));
    let (response, peer) = exchange(asked, serve).await;
    let on = hyper::upgrade::on(response.unwrap());
    (within(on).await.unwrap(), peer)
}

#[tokio::test]
async fn the_stream_of_the_connector_can_be_had_after_an_upgrade() {
    for way in WAYS {
        for used in [false, true] {
            let pair = Pair::start().await;
            let (upgraded, mut peer) = upgraded(&pair, way, used).await;
            let parts = upgraded.downcast::<ToldStream>().expect("the stream");
            assert_eq!(&parts.read_buf[..], b"foobar=ready");
            let mut io = TokioIo::new(parts.io);
            io.write_all(b"foo=bar").await.unwrap();
            assert_eq!(peer.read(7).await, "foo=bar");
            let connector = &pair.connector;
            assert_eq!((connector.opened(), connector.closed()), (1, 0));
            pair.until("it counts no longer", |total| total.open == 0)
                .await;
            drop(io);
            assert_eq!(connector.closed(), 1);
            peer.closed().await;
        }
    }
}

#[tokio::test]
async fn an_upgraded_connection_is_the_users_own() {
    for way in WAYS {
        let pair = Pair::start().await;
        let (upgraded, mut peer) = upgraded(&pair, way, false).await;
        pair.until("it counts no longer", |total| total.open == 0)
            .await;
        drop(pair.client);
        drop(converse(upgraded, &mut peer).await);
        peer.closed().await;
    }
}

#[tokio::test]
async fn an_upgraded_connection_counts_until_it_is_dropped_with_count_upgraded() {
    for way in WAYS {
        for used in [false, true] {
            let pair = counting().await;
            let (upgraded, mut peer) = upgraded(&pair, way, used).await;
            let io = converse(upgraded, &mut peer).await;
            assert_eq!(pair.totals().leased, 1);
            drop(io);
            peer.closed().await;
            pair.until("its permit is free", |total| total.open == 0)
                .await;
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
async fn a_downcast_upgraded_connection_counts_until_its_permit_is_dropped() {
    let pair = counting().await;
    let (upgraded, mut peer) = upgraded(&pair, WAYS[0], false).await;
    let Ok(Parts {
        io,
        read_buf,
        permit,
        ..
    }) = downcast::<ToldStream>(upgraded)
    else {
        panic!("it is another type");
    };
    assert_eq!(&read_buf[..], b"foobar=ready");
    drop(io);
    assert_eq!(pair.connector.closed(), 1);
    peer.closed().await;
    // A task that gave the permit back would have run by now.
    for _ in 0..10 {
        yield_now().await;
    }
    assert_eq!(pair.totals().leased, 1);
    drop(permit);
    pair.until("its permit is free", |total| total.open == 0)
        .await;
}

#[tokio::test]
async fn an_upgraded_connection_can_be_downcast_without_count_upgraded() {
    let pair = Pair::start().await;
    let (upgraded, _peer) = upgraded(&pair, WAYS[0], false).await;
    let parts = downcast::<ToldStream>(upgraded).expect("the stream");
    assert_eq!(&parts.read_buf[..], b"foobar=ready");
}

#[tokio::test]
async fn an_upgraded_connection_comes_back_from_a_downcast_to_another_type() {
    for pair in [Pair::start().await, counting().await] {
        let (upgraded, _peer) = upgraded(&pair, WAYS[0], false).await;
        let Err(Some(upgraded)) = downcast::<TokioIo<TcpStream>>(upgraded) else {
            panic!("it is a stream of the connector's own");
        };
        let mut text = [0; 12];
        TokioIo::new(upgraded).read_exact(&mut text).await.unwrap();
        assert_eq!(&text, b"foobar=ready");
    }
}

#[tokio::test]
async fn a_connection_whose_upgrade_is_refused_is_used_again() {
    for pair in [Pair::start().await, counting().await] {
        let ask = pair.client.request(upgrade(pair.server.uri("/up")));
        let refusal = "HTTP/1.1 426 Upgrade Required\r\ncontent-length: 2\r\n\r\nno";
        let (response, mut peer) = exchange(ask, pair.server.serve(refusal)).await;
        let response = response.unwrap();
        assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
        assert_eq!(text(response).await, "no");
        pair.until("it is idle", |total| total.idle == 1).await;
        let response = pair.get_on(&mut peer, ok("yes")).await;
        assert_eq!(text(response.unwrap()).await, "yes");
    }
}

#[tokio::test]
async fn a_stream_of_http_2_may_become_a_tunnel_of_another_protocol() {
    let server = Server::start().await;
    let uri = server.uri("/up");
    server.each(serve);
    let client = client(&Told::describing(Connected::negotiated_h2));
    let request = Request::connect(uri)
        .version(Version::HTTP_2)
        .header(SEC_WEBSOCKET_VERSION, "13")
        .extension(Protocol::from_static("websocket"))
        .body(Empty::<Bytes>::new());
    let response = within(client.request(request.unwrap())).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.version()),
        (200, Version::HTTP_2)
    );
    let mut io = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    io.write_all(b"foo=bar").await.unwrap();
    let mut text = [0; 7];
    within(io.read_exact(&mut text)).await.unwrap();
    assert_eq!(&text, b"bar=foo");
    let manager = client.manager().unwrap();
    assert_eq!(manager.stats().total.leased, 1);
    drop(io);
    eventually("nobody has it", || manager.stats().total.idle == 1).await;
}

async fn serve(peer: Peer) {
    let answer = async |mut request: Request<Incoming>| {
        assert_eq!(request.headers().get(HOST), None);
        assert_eq!(request.headers()[SEC_WEBSOCKET_VERSION], "13");
        let websocket = Protocol::from_static("websocket");
        assert_eq!(request.extensions().get(), Some(&websocket));
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut io = TokioIo::new(upgrade.await.unwrap());
            let mut text = [0; 7];
            io.read_exact(&mut text).await.unwrap();
            assert_eq!(&text, b"foo=bar");
            io.write_all(b"bar=foo").await.unwrap();
            // Until the client ends the stream.
            io.read_exact(&mut text).await.unwrap_err();
        });
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    };
    let served = http2::Builder::new(TokioExecutor::new())
        .enable_connect_protocol()
        .serve_connection(TokioIo::new(peer.into_stream()), service_fn(answer));
    served.await.unwrap();
}
