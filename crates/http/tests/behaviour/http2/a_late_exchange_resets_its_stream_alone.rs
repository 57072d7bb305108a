//! H12: an exchange that takes longer than its deadlines allow is given up, and its neighbours go
//! on.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use keepalive_http::{Client, Deadline, Deadlines};
use tokio::task::JoinHandle;

use super::server::{CANCEL, Outcome, RST_STREAM, Server, ask, client};
use crate::support::{text, within};

const TIME: Duration = Duration::from_millis(50);

#[tokio::test]
async fn before_its_head_has_come_or_after() {
    for (deadline, deadlines) in [
        (Deadline::Head, Deadlines::new().head(TIME)),
        (Deadline::Read, Deadlines::new().read(TIME)),
        (Deadline::Total, Deadlines::new().total(TIME)),
    ] {
        let (server, client) = (Server::start().await, client(1));
        let neighbour = ask(&client, server.uri("/"));
        let mut peer = server.accept(10).await;
        let beside = peer.request().await;
        peer.begin(beside).await;
        let neighbour = within(neighbour).await.unwrap().unwrap();

        let asked = late(&client, server.uri("/"), deadlines);
        let stream = peer.request().await;
        let error = if deadline == Deadline::Head {
            within(asked).await.unwrap().unwrap_err()
        } else {
            peer.begin(stream).await;
            let response = within(asked).await.unwrap();
            match response {
                Ok(response) => within(response.into_body().collect()).await.unwrap_err(),
                Err(error) => error,
            }
        };
        let timed_out = error.timed_out().unwrap();
        assert_eq!((timed_out.deadline, timed_out.is_new), (deadline, false));
        assert!(error.is_timeout());
        let reset = peer.next(RST_STREAM).await;
        assert_eq!((reset.stream, reset.reason()), (stream, CANCEL));

        peer.end(beside, "all the while").await;
        assert_eq!(text(neighbour).await, "all the while");
        assert_eq!(client.manager().totals().opened, 1);
    }
}

fn late(client: &Client, uri: http::Uri, deadlines: Deadlines) -> JoinHandle<Outcome> {
    let request = Request::get(uri).extension(deadlines).body(String::new());
    tokio::spawn(client.request(request.unwrap()))
}
