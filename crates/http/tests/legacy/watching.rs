//! Connections that are no sockets.

use http_body_util::Empty;
use hyper::body::Bytes;
use keepalive_http::legacy::{Builder, Client};

use crate::support::pipe::{Far, Fars, Pipes};
use crate::support::{builder, eventually, exchange, get, ok, text};

/// A client with one idle connection, its other end, and the other ends of the next.
async fn idle(builder: &Builder) -> (Client<Pipes, Empty<Bytes>>, Far, Fars) {
    let (pipes, mut fars) = Pipes::new();
    let client = builder.build(pipes);
    let serve = async {
        let (_, mut far) = fars.recv().await.unwrap();
        far.serve(ok("a body")).await;
        far
    };
    let (response, far) = exchange(client.request(get(uri())), serve).await;
    assert_eq!(text(response.unwrap()).await, "a body");
    let manager = client.manager().unwrap();
    eventually("it is idle", || manager.stats().total.idle == 1).await;
    (client, far, fars)
}

fn uri() -> http::Uri {
    "http://h.test/".parse().unwrap()
}

#[tokio::test]
async fn a_connection_without_a_socket_is_used_again() {
    let (client, mut far, _) = idle(&builder()).await;
    let (response, head) = exchange(client.request(get(uri())), far.serve(ok("again"))).await;
    assert_eq!(head, "GET / HTTP/1.1\r\nhost: h.test\r\n\r\n");
    assert_eq!(text(response.unwrap()).await, "again");
}

#[tokio::test]
async fn a_connection_without_a_socket_is_closed_as_its_other_end_closes_or_sends_a_byte() {
    for closes in [true, false] {
        let (client, mut far, _) = idle(&builder()).await;
        if !closes {
            far.send("x").await;
        }
        let _far = (!closes).then_some(far);
        let manager = client.manager().unwrap();
        eventually("it is gone", || manager.stats().total.open == 0).await;
    }
}

/// hyper has not read that answer when the next request comes.
#[tokio::test]
async fn an_unasked_answer_on_a_connection_without_a_socket_is_not_the_next_answer() {
    for counts in [false, true] {
        let (client, mut far, mut fars) = idle(builder().count_upgraded(counts)).await;
        far.send(&ok("forged")).await;
        let serve = async {
            let (_, mut far) = fars.recv().await.unwrap();
            far.serve(ok("its own")).await
        };
        let (response, _) = exchange(client.request(get(uri())), serve).await;
        assert_eq!(text(response.unwrap()).await, "its own");
    }
}
