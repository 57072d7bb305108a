//! H1: a server that has begun to answer may have acted on the request.

use crate::support::{Server, client, exchange, ok, text};

#[tokio::test]
async fn a_request_that_got_a_byte_of_an_answer_is_not_sent_again() {
    let (server, client) = (Server::start().await, client(4));
    let (response, mut peer) =
        exchange(client.get(server.uri("/1")), server.serve(ok("one"))).await;
    assert_eq!(text(response.unwrap()).await, "one");

    let serve = async {
        peer.serve("H").await;
        drop(peer);
    };
    let (response, ()) = exchange(client.get(server.uri("/2")), serve).await;
    let error = response.unwrap_err();
    assert_eq!(error.function(), "response");
    assert_eq!(error.resent(), 0);
    assert_eq!(client.manager().totals().opened, 1);
}
