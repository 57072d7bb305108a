//! H3: bytes that a server sends before the request are not an answer, on a new connection too.

#![allow(clippy::unwrap_used)]

use crate::support::{Server, exchange, ok, within};
use keepalive::{Attempt, ConnectError, Connector, Manager, NetConnector, NetStream};
use keepalive_http::{Client, Http};
use tokio::task::JoinSet;

/// Connects as [`NetConnector`] does, and waits until the server has sent bytes.
struct Patient(NetConnector);

impl Connector for Patient {
    type Connection = NetStream;

    async fn connect(&self, attempt: &Attempt) -> Result<NetStream, ConnectError> {
        let stream = self.0.connect(attempt).await?;
        stream.as_tcp().unwrap().readable().await.unwrap();
        Ok(stream)
    }
}

#[tokio::test]
async fn on_a_new_connection() {
    check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_the_threads_do() {
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        tasks.spawn(async {
            for _ in 0..100 {
                check().await;
            }
        });
    }
    within(tasks.join_all()).await;
}

async fn check() {
    let server = Server::start().await;
    let builder = Manager::builder().connector(Http::over(Patient(NetConnector::new())));
    let client = Client::new(builder.build().unwrap());
    let speak_first = async {
        let mut peer = server.accept().await;
        peer.send(&ok("smuggled")).await;
        peer.closed().await;
    };
    // Dropping the response closes the connection, so that a wrong answer does not hang the test.
    let ask = async { client.get(server.uri("/")).await.map(drop) };
    let (answer, ()) = exchange(ask, speak_first).await;
    let error = answer.expect_err("nothing was answered");
    assert_eq!(error.function(), "request", "{error}");
    assert_eq!(error.resent(), 0);
}
