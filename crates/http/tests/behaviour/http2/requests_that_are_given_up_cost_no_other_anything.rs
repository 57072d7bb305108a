//! H4, H10: cancelled requests do not harm others, however many they are and whatever the server
//! still sends on their streams.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::BodyExt;
use keepalive_http::Http;
use tokio::sync::watch;

use super::server::{HEADERS, Peer, RST_STREAM, Server, ask, client_of};
use crate::support::{eventually, within};

const GIVEN_UP: usize = 2000;

#[tokio::test]
async fn thousands_beside_exchanges_that_take_long() {
    let server = Server::start().await;
    let uri = server.uri("/");
    let asked = Arc::new(AtomicUsize::new(0));
    let (end, ending) = watch::channel(false);
    let counted = Arc::clone(&asked);
    let served = tokio::spawn(async move {
        loop {
            let peer = server.accept_any(100).await;
            tokio::spawn(late(peer, Arc::clone(&counted), ending.clone()));
        }
    });
    let client = client_of(Http::new().http2_only(), 32).retries(0);
    let mut expected = 0;
    let mut sent = async || {
        expected += 1;
        eventually("the server is asked", || {
            asked.load(Ordering::SeqCst) == expected
        })
        .await;
    };
    let mut neighbours = Vec::new();
    for given_up in 0..GIVEN_UP {
        if given_up % 250 == 0 {
            neighbours.push(ask(&client, uri.clone()));
            sent().await;
        }
        let request = ask(&client, uri.clone());
        sent().await;
        request.abort();
    }
    end.send(true).unwrap();
    for neighbour in neighbours {
        let response = within(neighbour).await.unwrap().unwrap();
        within(response.into_body().collect()).await.unwrap();
    }
    // They are replaced, but not more often than they have to be.
    let opened = client.manager().totals().opened;
    assert!((2..8).contains(&opened), "{opened} connections");
    served.abort();
}

/// Answers each request once it is reset, and goes on for a while, as if the answer had been on its
/// way. Answers the others at the end.
async fn late(mut peer: Peer, asked: Arc<AtomicUsize>, mut ending: watch::Receiver<bool>) {
    let (mut open, mut late) = (BTreeSet::new(), VecDeque::new());
    loop {
        let frame = tokio::select! {
            frame = peer.frame() => frame,
            _ = ending.wait_for(|is_over| *is_over) => break,
        };
        match frame {
            Some(frame) if frame.kind == HEADERS => {
                open.insert(frame.stream);
                asked.fetch_add(1, Ordering::SeqCst);
            }
            Some(frame) if frame.kind == RST_STREAM && open.remove(&frame.stream) => {
                peer.begin(frame.stream).await;
                late.push_back(frame.stream);
                for &stream in &late {
                    peer.data(stream, "it goes on").await;
                }
                if late.len() > 4
                    && let Some(stream) = late.pop_front()
                {
                    peer.end(stream, "too late").await;
                }
            }
            Some(_) => {}
            None => return,
        }
    }
    for stream in open {
        peer.begin(stream).await;
        peer.end(stream, "at last").await;
    }
    peer.ignored().await;
}
