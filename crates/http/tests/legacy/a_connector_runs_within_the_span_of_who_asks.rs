use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use keepalive_http::legacy::Client;
use tokio::net::TcpStream;
use tower_service::Service;
use tracing::subscriber::DefaultGuard;
use tracing::{Instrument, Span, info_span};

use crate::support::{Server, builder, eventually, exchange, get, ok, within};

/// A response whose body never comes.
const UNREAD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n";

/// Records the spans in which it is called and its future is polled.
#[derive(Clone, Default)]
struct Listening(Arc<Mutex<Vec<[Option<&'static str>; 2]>>>);

impl Listening {
    fn heard(&self) -> Vec<[Option<&'static str>; 2]> {
        self.0.lock().unwrap().clone()
    }
}

impl Service<Uri> for Listening {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<TcpStream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (called, heard) = (name(), Arc::clone(&self.0));
        Box::pin(async move {
            let place = (uri.host().unwrap(), uri.port_u16().unwrap());
            let stream = TcpStream::connect(place).await?;
            heard.lock().unwrap().push([called, name()]);
            Ok(TokioIo::new(stream))
        })
    }
}

fn name() -> Option<&'static str> {
    Span::current().metadata().map(tracing::Metadata::name)
}

/// Enables spans on this thread.
fn tracing() -> DefaultGuard {
    tracing::subscriber::set_default(tracing_subscriber::registry())
}

const BOTH: fn(&'static str) -> [Option<&'static str>; 2] = |name| [Some(name); 2];

#[tokio::test]
async fn for_each_new_connection() {
    let _tracing = tracing();
    let server = Server::start().await;
    let connector = Listening::default();
    let client = builder().build(connector.clone());
    let one = client
        .request(get(server.uri("/a")))
        .instrument(info_span!("one"));
    let (response, _one) = exchange(one, server.serve(UNREAD)).await;
    let two = client
        .request(get(server.uri("/b")))
        .instrument(info_span!("two"));
    let (_, _two) = exchange(two, server.serve(ok(""))).await;
    assert_eq!(connector.heard(), [BOTH("one"), BOTH("two")]);
    drop(response);
}

#[tokio::test]
async fn and_not_of_who_has_a_connection() {
    let _tracing = tracing();
    let server = Server::start().await;
    let connector = Listening::default();
    let client = builder().build(connector.clone());
    let first = client
        .request(get(server.uri("/a")))
        .instrument(info_span!("first"));
    let (_, mut peer) = exchange(first, server.serve(ok(""))).await;
    let reuses = client
        .request(get(server.uri("/b")))
        .instrument(info_span!("reuses"));
    let reuses = tokio::spawn(reuses);
    peer.request().await;
    let opens = client
        .request(get(server.uri("/c")))
        .instrument(info_span!("opens"));
    let (_, _second) = exchange(opens, server.serve(ok(""))).await;
    assert_eq!(connector.heard(), [BOTH("first"), BOTH("opens")]);
    peer.send(&ok("")).await;
    within(reuses).await.unwrap().unwrap();
}

/// Room is made by a request that has no span.
#[tokio::test]
async fn first_of_who_has_waited_longest() {
    let _tracing = tracing();
    let server = Server::start().await;
    let connector = Listening::default();
    let client: Client<_, http_body_util::Empty<hyper::body::Bytes>> =
        builder().max_per_host(1).build(connector.clone());
    let ask = client.request(get(server.uri("/a")));
    let (response, peer) = exchange(ask, server.serve(UNREAD)).await;
    let response = response.unwrap();
    assert_eq!(connector.heard(), [[None, None]]);
    let asked = [info_span!("one"), info_span!("two")]
        .map(|span| tokio::spawn(client.request(get(server.uri("/b"))).instrument(span)));
    let manager = client.manager().unwrap();
    eventually("both wait", || manager.stats().total.waiting == 2).await;
    let closing = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    drop((response, peer));
    drop(server.serve(closing).await);
    drop(server.serve(closing).await);
    for asked in asked {
        within(asked).await.unwrap().unwrap();
    }
    assert_eq!(connector.heard()[1..], [BOTH("one"), BOTH("two")]);
}
