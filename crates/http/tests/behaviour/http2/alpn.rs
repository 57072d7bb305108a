//! H13: client and server agree on the version within the TLS handshake (RFC 7301).

#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use http::{Request, Uri, Version};
use keepalive::{Attempt, ConnectError, Connection, Connector, Manager, NetConnector, Unusable};
use keepalive_http::{Client, Http};
use keepalive_testkit::http_server;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;

use super::frames::{HTTP_1_1_REQUIRED, PING, Peer, Server};
use super::{answered, ask, client, failed};
use crate::support::tls::TlsServer;
use crate::support::{Outcome, allocation, client_of, exchange, ok, within};

#[tokio::test]
async fn http_2_is_spoken_where_both_sides_can_and_http_1_elsewhere() {
    let one: fn(NetConnector) -> Http = |net| Http::over(net).http1_only();
    for (known, http, version) in [
        (&["h2", "http/1.1"][..], Http::over as _, Version::HTTP_2),
        (&["http/1.1"], Http::over as _, Version::HTTP_11),
        (&[], Http::over as _, Version::HTTP_11),
        (&["h2", "http/1.1"], one, Version::HTTP_11),
    ] {
        let response = spoken(known, http).await.unwrap();
        assert_eq!(response.version(), version, "{known:?}");
    }
}

#[tokio::test]
async fn a_server_without_http_2_is_an_error_where_nothing_else_is_wanted() {
    let error = spoken(&["http/1.1"], |net| Http::over(net).http2_only()).await;
    let error = error.unwrap_err();
    assert!(error.is_connect());
    assert_eq!(error.function(), "tls", "{error}");
}

#[tokio::test]
async fn a_server_without_http_2_is_an_error_that_names_the_offer_and_the_choice() {
    // The protocols of the server, those that our settings offer instead of h2, and the error.
    for (known, offering, said) in [
        (&[][..], None, "was offered h2 by ALPN and chose none,"),
        (
            &["http/1.1"],
            Some(&["http/1.1", "spdy/3"][..]),
            "was offered http/1.1, spdy/3 by ALPN and chose http/1.1,",
        ),
    ] {
        let server = TlsServer::start(known).await;
        let net = match offering {
            Some(offering) => server.net_offering(offering),
            None => server.net(),
        };
        let client = client_of(Http::over(net).http2_only(), 1);
        let asked = Box::pin(client.get(server.uri()));
        let (outcome, served) = exchange(asked, server.accept()).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.function(), "tls", "{error}");
        assert!(error.error_str().contains(said), "{error}");
        assert!(!error.is_not_http2());
        let sent = within(served.unwrap().read(&mut [0; 24])).await;
        assert_eq!(sent.unwrap_or(0), 0, "nothing is said to it");
    }
}

#[tokio::test]
async fn a_connector_of_the_users_own_reports_the_offer_and_the_choice() {
    let h2 = || Some("h2");
    for (offered, chosen, speaks) in [
        (None, None, true), // nobody was asked, and it is known to speak it
        (None, h2(), true),
        (h2(), h2(), true),
        (h2(), None, false),
        (h2(), Some("http/1.1"), false),
        (None, Some("http/1.1"), false),
    ] {
        let connector = Own { offered, chosen };
        // Registered for a scheme, and alone.
        let manager = Manager::builder().connector(Http::over(connector).http2_only());
        let alone = Client::new(manager.build().unwrap());
        let net = NetConnector::new().scheme("https", connector);
        let registered = client_of(Http::over(net).http2_only(), 1);
        for outcome in [
            within(first_bytes(|uri| alone.get(uri))).await,
            within(first_bytes(|uri| registered.get(uri))).await,
        ] {
            let case = format!("{offered:?} {chosen:?}: {outcome:?}");
            match outcome {
                Ok(preface) => assert!(speaks && preface == *b"PRI * HTTP/2.0\r\n", "{case}"),
                Err(error) => assert!(!speaks && error.function() == "tls", "{case}"),
            }
        }
    }
}

/// The first bytes that a server receives, or the error of the request.
async fn first_bytes<F, B>(get: impl FnOnce(Uri) -> F) -> Result<[u8; 16], keepalive_http::Error>
where
    F: Future<Output = Result<http::Response<B>, keepalive_http::Error>>,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("https://{}/", listener.local_addr().unwrap());
    let asked = get(uri.parse().unwrap());
    let said = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut said = [0; 16];
        // If the client sends nothing, the request ends by itself.
        match stream.read_exact(&mut said).await {
            Ok(_) => said,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        outcome = asked => Err(outcome.err().expect("nobody answers")),
        said = said => Ok(said),
    }
}

/// Opens connections without TLS, and reports these protocols as offered and chosen by ALPN.
#[derive(Clone, Copy)]
struct Own {
    offered: Option<&'static str>,
    chosen: Option<&'static str>,
}

impl Connector for Own {
    type Connection = OwnStream;

    async fn connect(&self, attempt: &Attempt) -> Result<OwnStream, ConnectError> {
        let address = format!("127.0.0.1:{}", attempt.host().port());
        let stream = TcpStream::connect(address).await;
        Ok(OwnStream {
            stream: stream.map_err(|error| ConnectError::new("connect", error))?,
            offered: self.offered.map(Into::into).into_iter().collect(),
            chosen: self.chosen,
        })
    }
}

struct OwnStream {
    stream: TcpStream,
    offered: Vec<Vec<u8>>,
    chosen: Option<&'static str>,
}

impl Connection for OwnStream {
    fn poll_unusable(&mut self, _: &mut Context<'_>) -> Poll<Unusable> {
        Poll::Pending
    }

    fn check(&mut self) -> Result<(), Unusable> {
        Ok(())
    }

    fn protocol(&self) -> Option<&[u8]> {
        self.chosen.map(str::as_bytes)
    }

    fn offered_protocols(&self) -> &[Vec<u8>] {
        &self.offered
    }
}

keepalive_testkit::forward_io!(OwnStream, stream);

/// Asks a server that knows these protocols, and answers by the one that is agreed on.
async fn spoken(known: &[&str], http: fn(NetConnector) -> Http) -> Outcome {
    let server = TlsServer::start(known).await;
    let client = client_of(http(server.net()), 1);
    let uri = server.uri();
    tokio::spawn(async move {
        if let Ok(stream) = server.accept().await {
            serve(stream).await;
        }
    });
    within(client.get(uri)).await
}

async fn serve(stream: TlsStream<TcpStream>) {
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        let mut peer = Peer::greet(stream, 10).await;
        peer.serve().await;
        peer.ignored().await;
    } else {
        let _closed = answer_http_1(stream, "").await.head().await;
    }
}

// H13: after a reset with HTTP_1_1_REQUIRED, the client sends the request by HTTP/1.1 (RFC 9113,
// section 7).

#[tokio::test]
async fn a_server_that_requires_http_1_is_sent_it_once_and_from_then_on() {
    let server = TlsServer::start(&["h2", "http/1.1"]).await;
    let client = client_of(Http::over(server.net()), 1);
    let order = Request::post(server.uri()).body("an order".to_owned());
    let asked = tokio::spawn(client.request(order.unwrap()));
    let mut peer = Peer::greet(server.next().await, 10).await;
    let stream = peer.request().await;
    peer.reset(stream, HTTP_1_1_REQUIRED).await;

    let peer = answer_http_1(server.next().await, "an order").await;
    let response = answered(asked).await;
    assert_eq!(response.version(), Version::HTTP_11);
    assert_eq!(allocation(&response).resent, 1);
    drop(response);
    drop(peer);

    let asked = ask(&client, server.uri());
    let _peer = answer_http_1(server.next().await, "").await;
    let response = answered(asked).await;
    assert_eq!(response.version(), Version::HTTP_11);
    assert_eq!(allocation(&response).resent, 0);
}

#[tokio::test]
async fn a_server_that_requires_http_1_is_an_error_where_only_http_2_is_wanted() {
    let (server, client) = (Server::start().await, client(1));
    let asked = ask(&client, server.uri("/"));
    let (mut peer, stream) = server.asked().await;
    peer.reset(stream, HTTP_1_1_REQUIRED).await;
    let error = failed(asked).await;
    assert_eq!((error.function(), error.resent()), ("response", 0));
}

/// Reads a request of HTTP/1.1, and answers it.
async fn answer_http_1(
    tls: TlsStream<TcpStream>,
    body: &str,
) -> http_server::Peer<TlsStream<TcpStream>> {
    let mut peer = http_server::Peer::new(tls);
    peer.request().await;
    assert_eq!(peer.read(body.len()).await, body);
    peer.send(&ok("")).await;
    peer
}

// C4: before it lends a connection again, the manager checks its socket. A TLS session then reads
// bytes meant for hyper, before the reactor has reported them to hyper.

/// A type of frame that nobody knows, and so passes over (RFC 9113, section 4.1).
const UNKNOWN: u8 = 0xfa;

#[tokio::test]
async fn a_ping_that_a_check_of_the_socket_reads_is_answered() {
    let (client, uri, mut peer) = connected().await;
    later();
    peer.send(PING, 0, 0, &[7; 8]).await;
    look(&client, &uri);
    assert_eq!(peer.next(PING).await.payload, [7; 8]);
    serves_on(&client, uri, &mut peer).await;
}

#[tokio::test]
async fn checks_of_the_socket_read_no_more_than_a_tls_session_has_room_for() {
    let (client, uri, mut peer) = connected().await;
    for _ in 0..8 {
        later();
        peer.send(UNKNOWN, 0, 0, &[0; 4096]).await;
        look(&client, &uri);
    }
    serves_on(&client, uri, &mut peer).await;
}

/// The next request goes by the same connection.
async fn serves_on(client: &Client, uri: Uri, peer: &mut Peer<TlsStream<TcpStream>>) {
    let next = ask(client, uri);
    peer.serve().await;
    answered(next).await;
    assert_eq!(client.manager().totals().opened, 1);
}

/// A client whose connection has served a request.
async fn connected() -> (Client, Uri, Peer<TlsStream<TcpStream>>) {
    let server = TlsServer::start(&["h2"]).await;
    let client = client_of(Http::over(server.net()), 1);
    let uri = server.uri();
    let first = ask(&client, uri.clone());
    let mut peer = Peer::greet(within(server.accept()).await.unwrap(), 100).await;
    peer.serve().await;
    answered(first).await;
    (client, uri, peer)
}

/// Waits until the connection needs a check: a recently used one has none. No other task runs
/// meanwhile.
fn later() {
    let now = Instant::now();
    while now.elapsed() < Duration::from_millis(2) {
        std::hint::spin_loop();
    }
}

/// Takes the connection, which is checked for that, and gives it back. No await happens meanwhile, so
/// that only the kernel knows of the bytes that the server has just sent.
fn look(client: &Client, uri: &Uri) {
    let request =
        keepalive::Request::new("https", uri.host().unwrap(), uri.port_u16().unwrap()).unwrap();
    let pending = pin!(client.manager().allocate(request));
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(lease) = pending.poll(&mut context) else {
        panic!("it is idle");
    };
    lease.unwrap().free();
}
