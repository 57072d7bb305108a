//! A client and its server, and the helpers that every test needs.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in what they share

#[cfg(feature = "tls")]
pub(crate) mod tls;
pub(crate) mod wire;

use http::Response;
use http_body_util::BodyExt;
use keepalive::{FromCache, Manager};
use keepalive_http::{Allocation, Body, Client, Error, Http};
pub(crate) use keepalive_testkit::http_server::{Peer, Server, eventually, exchange, ok, within};

pub(crate) type Outcome = Result<Response<Body>, Error>;

/// A client, and the only server that it asks.
pub(crate) struct Pair {
    pub(crate) server: Server,
    pub(crate) client: Client,
}

impl Pair {
    /// The client opens one connection at a time.
    pub(crate) async fn start() -> Self {
        Self::of(client(1)).await
    }

    pub(crate) async fn of(client: Client) -> Self {
        let server = Server::start().await;
        Self { server, client }
    }

    /// A GET on a new connection, which the server answers so.
    pub(crate) async fn get(&self, answer: impl AsRef<str>) -> (Outcome, Peer) {
        let asked = self.client.get(self.server.uri("/"));
        exchange(Box::pin(asked), self.server.serve(answer)).await
    }

    /// A GET on this connection, which the server answers so.
    pub(crate) async fn get_on(&self, peer: &mut Peer, answer: impl AsRef<str>) -> Outcome {
        let asked = self.client.get(self.server.uri("/"));
        exchange(Box::pin(asked), peer.serve(answer)).await.0
    }

    /// An idle connection that has served a GET.
    pub(crate) async fn used(&self) -> Peer {
        let (response, peer) = self.get(ok("one")).await;
        assert_eq!(text(response.unwrap()).await, "one");
        peer
    }

    /// Checks that the next GET goes by a new connection, has its own answer, and is sent once.
    pub(crate) async fn next_is_on_a_new_connection(&self) {
        let (response, _peer) = self.get(ok("the next")).await;
        let response = response.unwrap();
        let Allocation {
            from_cache, resent, ..
        } = allocation(&response);
        assert_eq!((from_cache, resent), (None, 0));
        assert_eq!(text(response).await, "the next");
    }

    /// Checks that the next GET goes by this connection at once, and has its own answer.
    pub(crate) async fn next_is_on(&self, peer: &mut Peer) {
        let response = self.get_on(peer, ok("the next")).await.unwrap();
        let Allocation {
            from_cache, resent, ..
        } = allocation(&response);
        assert_eq!((from_cache, resent), (Some(FromCache::Immediate), 0));
        assert_eq!(text(response).await, "the next");
    }
}

pub(crate) fn client(max_per_host: usize) -> Client {
    client_of(Http::new(), max_per_host)
}

pub(crate) fn client_of(http: Http, max_per_host: usize) -> Client {
    let builder = Manager::builder().max_per_host(max_per_host);
    Client::new(builder.connector(under_test(http)).build().unwrap())
}

/// Has hyper carry all exchanges of HTTP/1.1 if the environment says so: both ways must pass all
/// tests.
pub(crate) fn under_test<C>(http: Http<C>) -> Http<C> {
    match std::env::var_os("KEEPALIVE_HTTP1_BY_HYPER") {
        Some(_) => http.http1_by_hyper(),
        None => http,
    }
}

pub(crate) async fn text(response: Response<Body>) -> String {
    let body = within(response.into_body().collect()).await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

pub(crate) fn allocation(response: &Response<Body>) -> Allocation {
    *response.body().allocation()
}
