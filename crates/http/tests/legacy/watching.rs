//! Connections that are no sockets.

use http_body_util::Empty;
use hyper::body::Bytes;
use keepalive_http::legacy::Client;

use crate::support::pipe::{Far, Pipes};
use crate::support::{builder, eventually, exchange, get, ok, text};

/// A client with one idle connection, and its other end.
async fn idle() -> (Client<Pipes, Empty<Bytes>>, Far) {
    let (pipes, mut far) = Pipes::new();
    let client = builder().build(pipes);
    let serve = async {
        let (_, mut far) = far.recv().await.unwrap();
        far.serve(ok("a body")).await;
        far
    };
    let (response, far) = exchange(client.request(get(uri())), serve).await;
    assert_eq!(text(response.unwrap()).await, "a body");
    let manager = client.manager().unwrap();
    eventually("it is idle", || manager.stats().total.idle == 1).await;
    (client, far)
}

fn uri() -> http::Uri {
    "http://h.test/".parse().unwrap()
}

#[tokio::test]
async fn a_connection_without_a_socket_is_used_again() {
    let (client, mut far) = idle().await;
    let (response, head) = exchange(client.request(get(uri())), far.serve(ok("again"))).await;
    assert_eq!(head, "GET / HTTP/1.1\r\nhost: h.test\r\n\r\n");
    assert_eq!(text(response.unwrap()).await, "again");
}

#[tokio::test]
async fn a_connection_without_a_socket_is_closed_as_its_other_end_closes() {
    let (client, far) = idle().await;
    drop(far);
    let manager = client.manager().unwrap();
    eventually("it is gone", || manager.stats().total.open == 0).await;
}

#[tokio::test]
async fn a_connection_without_a_socket_is_closed_as_an_unasked_byte_comes() {
    let (client, mut far) = idle().await;
    far.send("x").await;
    let manager = client.manager().unwrap();
    eventually("it is gone", || manager.stats().total.open == 0).await;
}

/// hyper has not read that answer when the next request comes.
#[tokio::test]
async fn an_unasked_answer_on_a_connection_without_a_socket_is_not_the_next_answer() {
    for counts in [false, true] {
        let (pipes, mut fars) = Pipes::new();
        let client = builder().count_upgraded(counts).build(pipes);
        let serve = async {
            let (_, mut far) = fars.recv().await.unwrap();
            far.serve(ok("")).await;
            far
        };
        let (response, mut far) = exchange(client.request(get(uri())), serve).await;
        assert_eq!(text(response.unwrap()).await, "");
        let manager = client.manager().unwrap();
        eventually("it is idle", || manager.stats().total.idle == 1).await;
        far.send(&ok("forged")).await;
        let serve = async {
            let (_, mut far) = fars.recv().await.unwrap();
            far.serve(ok("its own")).await
        };
        let (response, _) = exchange(client.request(get(uri())), serve).await;
        assert_eq!(text(response.unwrap()).await, "its own");
    }
}
