use std::convert::Infallible;
use std::sync::Arc;

use http::{Response, Uri};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use keepalive_http::legacy::Client;
use tokio::net::TcpListener;
use tokio::sync::Barrier;

use crate::support::{Told, builder, eventually, get, text, within};

#[tokio::test]
async fn for_each_host() {
    let connector = Told::new();
    let client = builder().pool_max_idle_per_host(1).build(connector.clone());
    let manager = client.manager().unwrap();
    let (one, other) = (serve().await, serve().await);
    for (uri, opened, closed) in [(&one, 2, 1), (&other, 4, 2), (&one, 5, 3)] {
        two_at_a_time(&client, uri).await;
        connector.until_closed(closed).await;
        eventually("all are back", || manager.stats().total.leased == 0).await;
        assert_eq!((connector.opened(), connector.closed()), (opened, closed));
    }
    assert_eq!(manager.stats().total.idle, 2);
}

async fn two_at_a_time(client: &Client<Told, Empty<Bytes>>, uri: &Uri) {
    for asked in [0, 1].map(|_| tokio::spawn(client.request(get(uri.clone())))) {
        let response = within(asked).await.unwrap().unwrap();
        assert_eq!(text(response).await, "");
    }
}

/// Answers requests when there are two.
async fn serve() -> Uri {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let both = Arc::new(Barrier::new(2));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let both = Arc::clone(&both);
            let answer = service_fn(move |_| {
                let both = Arc::clone(&both);
                async move {
                    both.wait().await;
                    Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    uri.parse().unwrap()
}
