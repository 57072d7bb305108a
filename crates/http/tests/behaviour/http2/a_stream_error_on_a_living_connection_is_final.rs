//! H1: a server that resets a stream may have acted on the request, so the client does not send the
//! request again (RFC 9113, section 8.7).

#![allow(clippy::unwrap_used)]

use tokio::task::JoinHandle;

use super::server::{
    CANCEL, ENHANCE_YOUR_CALM, INTERNAL_ERROR, NO_ERROR, Outcome, PROTOCOL_ERROR, Server, ask,
    client,
};
use crate::support::{text, within};

const REASONS: [u32; 5] = [
    NO_ERROR,
    PROTOCOL_ERROR,
    INTERNAL_ERROR,
    CANCEL,
    ENHANCE_YOUR_CALM,
];

#[tokio::test]
async fn on_a_connection_that_had_been_used() {
    for reason in REASONS {
        let (server, client) = (Server::start().await, client(1));
        let neighbour = ask(&client, server.uri("/neighbour"));
        let mut peer = server.accept(10).await;
        let beside = peer.request().await;
        peer.begin(beside).await;
        let neighbour = within(neighbour).await.unwrap().unwrap();

        let asked = ask(&client, server.uri("/"));
        let stream = peer.request().await;
        peer.reset(stream, reason).await;
        is_final(asked, reason).await;
        // The next stream is that of the next request, so there was none between.
        let next = ask(&client, server.uri("/next"));
        assert_eq!(peer.request().await, stream + 2, "{reason}");
        peer.answer(stream + 2).await;
        within(next).await.unwrap().unwrap();
        peer.end(beside, "all the while").await;
        assert_eq!(text(neighbour).await, "all the while");
        assert_eq!(client.manager().totals().opened, 1);
    }
}

#[tokio::test]
async fn on_a_new_one() {
    for reason in REASONS {
        let (server, client) = (Server::start().await, client(1));
        let asked = ask(&client, server.uri("/"));
        let mut peer = server.accept(10).await;
        let stream = peer.request().await;
        peer.reset(stream, reason).await;
        is_final(asked, reason).await;
        let next = ask(&client, server.uri("/next"));
        assert_eq!(peer.request().await, stream + 2, "{reason}");
        peer.answer(stream + 2).await;
        within(next).await.unwrap().unwrap();
        assert_eq!(client.manager().totals().opened, 1);
    }
}

async fn is_final(asked: JoinHandle<Outcome>, reason: u32) {
    let error = within(asked).await.unwrap().unwrap_err();
    let outcome = (error.function(), error.resent());
    assert_eq!(outcome, ("response", 0), "{reason}: {error}");
}
