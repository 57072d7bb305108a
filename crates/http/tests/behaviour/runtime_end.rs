//! M4, H1: the runtime in which a connection was opened ends during a request.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use http::{Method, Request};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::support::{Server, allocation, client, ok, text};

const LIMIT: Duration = Duration::from_secs(5);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A server on a thread of its own that reports the head of each request. It answers all requests,
/// except those for `/held` on its first connection; those for `/slow` when it may.
struct Site {
    port: u16,
    asked: Receiver<String>,
    /// Lets it answer a request for `/slow`.
    slow: Arc<Notify>,
}

impl Site {
    fn start() -> Self {
        let (sender, asked) = channel();
        let slow = Arc::new(Notify::new());
        let may = Arc::clone(&slow);
        let port = Server::on_a_thread(move |server| {
            let mut connections = 0;
            server.each(move |mut peer| {
                connections += 1;
                // A held request is answered when it is sent again.
                let is_first = connections == 1;
                let (sender, may) = (sender.clone(), Arc::clone(&may));
                async move {
                    while let Some(head) = peer.head().await {
                        let (held, slow) = (head.contains("/held"), head.contains("/slow"));
                        if sender.send(head).is_err() {
                            return;
                        }
                        if slow {
                            may.notified().await;
                        }
                        if !(held && is_first) {
                            peer.send(&ok("here")).await;
                        }
                    }
                }
            });
        });
        Self { port, asked, slow }
    }

    fn request(&self, method: &Method, path: &str) -> Request<String> {
        let uri = format!("http://127.0.0.1:{}{path}", self.port);
        let request = Request::builder().method(method).uri(uri);
        request.body(String::new()).unwrap()
    }
}

/// A request on a connection that was used before is on its way when that connection's runtime ends,
/// and is waited for within another. Answers how often it was sent again, and with the text.
fn lose(method: &Method) -> Result<(u32, String), keepalive_http::Error> {
    let (site, client, first, second) = (Site::start(), client(1), runtime(), runtime());
    first.block_on(async {
        let response = client.request(site.request(&Method::GET, "/")).await;
        assert_eq!(text(response.unwrap()).await, "here");
    });
    site.asked.recv().unwrap();
    let mut request = Box::pin(client.request(site.request(method, "/held")));
    first.block_on(async {
        while site.asked.try_recv().is_err() {
            let moment = timeout(Duration::from_millis(5), &mut request).await;
            assert!(moment.is_err(), "it is not answered");
        }
    });
    drop(first);
    second.block_on(async {
        let response = timeout(LIMIT, request).await.expect("it does not hang")?;
        Ok((allocation(&response).resent, text(response).await))
    })
}

#[test]
fn a_get_on_a_connection_whose_runtime_ends_is_sent_again() {
    assert_eq!(lose(&Method::GET).unwrap(), (1, "here".to_owned()));
}

#[test]
fn a_post_on_a_connection_whose_runtime_ends_is_an_error_that_names_it() {
    let error = lose(&Method::POST).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("runtime"), "{text}");
}

/// A runtime ends while a request of another is on its way, which went through the same client.
fn end_beside(method: &Method) {
    let (site, other, client) = (Site::start(), Site::start(), client(1));
    let (first, second) = (runtime(), runtime());
    first.block_on(async {
        let response = client.request(site.request(&Method::GET, "/")).await;
        assert_eq!(text(response.unwrap()).await, "here");
    });
    let mut request = Box::pin(client.request(other.request(method, "/slow")));
    second.block_on(async {
        while other.asked.try_recv().is_err() {
            let moment = timeout(Duration::from_millis(5), &mut request).await;
            assert!(moment.is_err(), "it is not answered");
        }
        first.shutdown_background();
        other.slow.notify_one();
        let response = timeout(LIMIT, request).await.expect("it does not hang");
        let response = response.expect("it is not lost");
        assert_eq!(allocation(&response).resent, 0);
        assert_eq!(text(response).await, "here");
    });
}

#[test]
fn the_end_of_a_runtime_loses_no_request_of_another() {
    for method in [Method::GET, Method::POST] {
        end_beside(&method);
    }
}
