use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use keepalive_http::legacy::Client;
use keepalive_http::legacy::connect::{Parts, downcast};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::yield_now;

use crate::support::{Peer, Server, Told, ToldStream, client, eventually, exchange, get};

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: foobar\r\n\r\nfoobar=ready";

#[tokio::test]
async fn by_an_upgrade() {
    let server = Server::start().await;
    let client = client(&Told::new());
    let ask = client.request(get(server.uri("/up")));
    let (response, peer) = exchange(ask, server.serve(SWITCHING)).await;
    let response = response.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let upgraded = hyper::upgrade::on(response).await.unwrap();
    converse(&client, upgraded, "foobar=ready", peer).await;
}

#[tokio::test]
async fn by_a_tunnel() {
    let server = Server::start().await;
    let client = client(&Told::new());
    let request = Request::connect(server.uri("")).body(Empty::new()).unwrap();
    let serve = server.serve("HTTP/1.1 200 OK\r\n\r\n");
    let (response, peer) = exchange(client.request(request), serve).await;
    let upgraded = hyper::upgrade::on(response.unwrap()).await.unwrap();
    converse(&client, upgraded, "", peer).await;
}

/// Reads what has come with the response, and speaks; the connection counts until that is over.
async fn converse(
    client: &Client<Told, Empty<Bytes>>,
    upgraded: Upgraded,
    first: &str,
    mut peer: Peer,
) {
    let mut io = TokioIo::new(upgraded);
    let mut text = vec![0; first.len()];
    io.read_exact(&mut text).await.unwrap();
    assert_eq!(text, first.as_bytes());
    io.write_all(b"foo=bar").await.unwrap();
    assert_eq!(peer.read(7).await, "foo=bar");
    peer.send("bar=foo").await;
    let mut text = [0; 7];
    io.read_exact(&mut text).await.unwrap();
    assert_eq!(&text, b"bar=foo");
    let manager = client.manager().unwrap();
    assert_eq!(manager.stats().total.leased, 1);
    drop(io);
    peer.closed().await;
    eventually("its slot is free", || manager.stats().total.open == 0).await;
}

#[tokio::test]
async fn what_its_connector_opened_can_be_had_back() {
    let server = Server::start().await;
    let connector = Told::new();
    let client = client(&connector);
    let ask = client.request(get(server.uri("/up")));
    let (response, mut peer) = exchange(ask, server.serve(SWITCHING)).await;
    let response = response.unwrap();
    let upgraded = hyper::upgrade::on(response).await.unwrap();
    let parts = downcast::<ToldStream>(upgraded);
    let Ok(Parts {
        io, read_buf, slot, ..
    }) = parts
    else {
        panic!("it is another type");
    };
    assert_eq!(&read_buf[..], b"foobar=ready");
    let manager = client.manager().unwrap();
    drop(io);
    assert_eq!(connector.closed(), 1);
    peer.closed().await;
    // Whoever would give it back has had its turn.
    for _ in 0..10 {
        yield_now().await;
    }
    assert_eq!(manager.stats().total.leased, 1);
    drop(slot);
    eventually("its slot is free", || manager.stats().total.open == 0).await;
}

#[tokio::test]
async fn what_is_another_type_comes_back() {
    let server = Server::start().await;
    let client = client(&Told::new());
    let ask = client.request(get(server.uri("/up")));
    let (response, _peer) = exchange(ask, server.serve(SWITCHING)).await;
    let upgraded = hyper::upgrade::on(response.unwrap()).await.unwrap();
    let Err(Some(upgraded)) = downcast::<TokioIo<TcpStream>>(upgraded) else {
        panic!("it is a stream of the connector's own");
    };
    let mut text = [0; 12];
    TokioIo::new(upgraded).read_exact(&mut text).await.unwrap();
    assert_eq!(&text, b"foobar=ready");
}
