use http::{Method, Request};
use http_body_util::Full;
use hyper::body::Bytes;
use keepalive_http::Idempotent;

use crate::support::{Server, Told, builder, exchange, ok};

#[tokio::test]
async fn whatever_its_method() {
    for (method, said, again) in [
        (Method::GET, None, true),
        (Method::GET, Some(Idempotent(false)), false),
        (Method::POST, None, false),
        (Method::POST, Some(Idempotent(true)), true),
    ] {
        let server = Server::start().await;
        let client = builder().build(Told::new());
        let request = |method: &Method, said: Option<Idempotent>| {
            let request = Request::builder().method(method).uri(server.uri("/"));
            let body = Full::new(Bytes::from_static(b"an order"));
            let mut request = request.body(body).unwrap();
            if let Some(said) = said {
                request.extensions_mut().insert(said);
            }
            request
        };
        let ask = client.request(request(&Method::POST, None));
        let serve = async {
            let mut peer = server.accept().await;
            peer.request().await;
            assert_eq!(peer.read(8).await, "an order");
            peer.send(&ok("")).await;
            peer
        };
        let (response, mut peer) = exchange(ask, serve).await;
        response.unwrap();

        let ask = client.request(request(&method, said));
        let serve = async {
            peer.request().await;
            drop(peer);
            if again {
                server.serve(ok("")).await;
            }
        };
        let (response, ()) = exchange(ask, serve).await;
        assert_eq!(response.is_ok(), again, "{method} {said:?}");
    }
}
