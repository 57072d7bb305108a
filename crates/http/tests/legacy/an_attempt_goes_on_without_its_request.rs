use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use http_body_util::Empty;
use hyper::body::Bytes;
use keepalive_http::legacy::Client;
use tokio::sync::Semaphore;
use tower_service::Service;

use crate::support::{Server, Told, ToldStream, builder, eventually, get, ok, text, within};

/// Opens connections when the test lets it.
#[derive(Clone)]
struct Gated(Told, Arc<Semaphore>);

impl Service<Uri> for Gated {
    type Response = ToldStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<ToldStream>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (opening, gate) = (self.0.call(uri), Arc::clone(&self.1));
        Box::pin(async move {
            gate.acquire().await.unwrap().forget();
            opening.await
        })
    }
}

#[tokio::test]
async fn and_serves_the_next() {
    let server = Server::start().await;
    let connector = Gated(Told::new(), Arc::new(Semaphore::new(0)));
    let client: Client<Gated, Empty<Bytes>> = builder().build(connector.clone());
    let asked = tokio::spawn(client.request(get(server.uri("/a"))));
    eventually("it is under way", || connector.0.opened() == 1).await;
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled());

    connector.1.add_permits(1);
    let manager = client.manager().unwrap();
    eventually("it is kept", || manager.stats().total.idle == 1).await;
    let next = tokio::spawn(client.request(get(server.uri("/b"))));
    let mut peer = server.serve(ok("hello")).await;
    let response = within(next).await.unwrap().unwrap();
    assert_eq!(text(response).await, "hello");
    assert_eq!(connector.0.opened(), 1);
    drop(client);
    peer.closed().await;
}
