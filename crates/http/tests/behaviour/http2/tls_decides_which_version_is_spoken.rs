//! H13: client and server agree on the version within the TLS handshake (RFC 7301).

#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Version;
use keepalive::{Attempt, ConnectError, Connection, Connector, Manager, NetConnector, Unusable};
use keepalive_http::{Client, Http};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::join;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;

use super::server::{Outcome, Peer, client_of};
use super::tls::TlsServer;
use crate::support::{ok, within};

#[tokio::test]
async fn http_2_where_the_server_can() {
    let version = spoken(&["h2", "http/1.1"], Http::over).await;
    assert_eq!(version.unwrap().version(), Version::HTTP_2);
}

#[tokio::test]
async fn http_1_where_it_can_not() {
    let version = spoken(&["http/1.1"], Http::over).await;
    assert_eq!(version.unwrap().version(), Version::HTTP_11);
}

#[tokio::test]
async fn http_1_where_it_does_not_say() {
    let version = spoken(&[], Http::over).await;
    assert_eq!(version.unwrap().version(), Version::HTTP_11);
}

#[tokio::test]
async fn http_1_where_nothing_else_is_wanted() {
    let version = spoken(&["h2", "http/1.1"], |net| Http::over(net).http1_only()).await;
    assert_eq!(version.unwrap().version(), Version::HTTP_11);
}

#[tokio::test]
async fn a_server_that_can_not_is_an_error_where_nothing_else_is_wanted() {
    let error = spoken(&["http/1.1"], |net| Http::over(net).http2_only()).await;
    let error = error.unwrap_err();
    assert!(error.is_connect());
    assert_eq!(error.function(), "tls", "{error}");
}

#[tokio::test]
async fn one_that_does_not_agree_to_it_is_an_error_that_names_what_was_offered_and_chosen() {
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
        let asked = client.get(server.uri());
        let (outcome, served) = within(async { join!(asked, server.accept()) }).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.function(), "tls", "{error}");
        assert!(error.error_str().contains(said), "{error}");
        assert!(!error.is_not_http2());
        let sent = within(served.unwrap().read(&mut [0; 24])).await;
        assert_eq!(sent.unwrap_or(0), 0, "nothing is said to it");
    }
}

#[tokio::test]
async fn a_connector_of_ones_own_says_whether_it_asked() {
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
            within(said_to(|uri| alone.get(uri))).await,
            within(said_to(|uri| registered.get(uri))).await,
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
async fn said_to<F, B>(get: impl FnOnce(http::Uri) -> F) -> Result<[u8; 16], keepalive_http::Error>
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

impl AsyncRead for OwnStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for OwnStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Asks a server that knows these protocols, and answers by the one that is agreed on.
async fn spoken(known: &[&str], http: impl FnOnce(NetConnector) -> Http) -> Outcome {
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

async fn serve(mut stream: TlsStream<TcpStream>) {
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        let mut peer = Peer::greet(stream, 10).await;
        let stream = peer.request().await;
        peer.answer(stream).await;
        peer.ignored().await;
    } else {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(ok("").as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let _closed = stream.read(&mut [0]).await;
    }
}
