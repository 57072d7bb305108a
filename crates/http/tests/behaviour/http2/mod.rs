//! HTTP/2, with a server whose every frame the test sets.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in what they share

#[cfg(feature = "tls")]
mod alpn;
pub(crate) mod crowd;
mod frames;
mod goaway;
mod limited;
mod limits;
mod lost;
mod opening;
mod pings;
mod resets;
mod versions;
mod windows;

use http::{Request, Response, Uri};
use keepalive_http::{Body, Client, Error, Http};
use tokio::task::JoinHandle;

pub(crate) use self::frames::{DATA, Server};
use crate::support::{Outcome, client_of, within};

/// A client that knows that the server speaks HTTP/2.
pub(crate) fn client(max_per_host: usize) -> Client {
    client_of(Http::new().http2_only(), max_per_host)
}

/// Asks in a task of its own.
fn ask(client: &Client, uri: Uri) -> JoinHandle<Outcome> {
    tokio::spawn(client.get(uri))
}

/// The same, by a POST with a body.
fn order(client: &Client, uri: Uri) -> JoinHandle<Outcome> {
    let request = Request::post(uri).body("an order".to_owned());
    tokio::spawn(client.request(request.unwrap()))
}

async fn answered(asked: JoinHandle<Outcome>) -> Response<Body> {
    within(asked).await.unwrap().unwrap()
}

async fn failed(asked: JoinHandle<Outcome>) -> Error {
    within(asked).await.unwrap().unwrap_err()
}

impl Server {
    /// The next connection, and the stream of its first request.
    pub(crate) async fn asked(&self) -> (frames::Peer, u32) {
        let mut peer = self.accept(10).await;
        let stream = peer.request().await;
        (peer, stream)
    }

    /// The next connection, whose first request is answered.
    pub(crate) async fn served(&self) -> frames::Peer {
        let mut peer = self.accept(10).await;
        peer.serve().await;
        peer
    }

    /// A new connection that has answered a GET.
    pub(crate) async fn used(&self, client: &Client) -> frames::Peer {
        let asked = ask(client, self.uri("/"));
        let peer = self.served().await;
        answered(asked).await;
        peer
    }

    /// A new connection, and the stream of a response on it whose body has not come.
    pub(crate) async fn begun(&self, client: &Client) -> (frames::Peer, u32, Response<Body>) {
        let asked = ask(client, self.uri("/"));
        let (mut peer, stream) = self.asked().await;
        peer.begin(stream).await;
        (peer, stream, answered(asked).await)
    }
}
