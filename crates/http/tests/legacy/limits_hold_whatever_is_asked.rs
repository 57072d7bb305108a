use std::convert::Infallible;

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::support::{Told, builder, get, text, within};

const TASKS: usize = 32;
const REQUESTS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn and_each_has_its_own_answer() {
    for http2_only in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, http2_only));
        let connector = Told::new();
        let mut builder = builder();
        builder.max_per_host(3).http2_only(http2_only);
        let client = builder.build(connector.clone());
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let client = client.clone();
            tasks.spawn(async move {
                for number in 0..REQUESTS {
                    let path = format!("/{task}/{number}");
                    let uri = format!("http://{address}{path}").parse().unwrap();
                    let response = within(client.request(get(uri))).await.unwrap();
                    if number % 3 > 0 {
                        assert_eq!(text(response).await, path.repeat(number * 50));
                    }
                }
            });
        }
        tasks.join_all().await;
        let most = connector.most();
        assert!((1..=3).contains(&most), "{most} connections at once");
    }
}

async fn serve(listener: TcpListener, http2_only: bool) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (io, answer) = (TokioIo::new(stream), service_fn(repeat));
        if http2_only {
            let builder = http2::Builder::new(TokioExecutor::new());
            tokio::spawn(builder.serve_connection(io, answer));
        } else {
            tokio::spawn(http1::Builder::new().serve_connection(io, answer));
        }
    }
}

/// Answers with the path, many times over.
async fn repeat(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path();
    let number: usize = path.rsplit('/').next().unwrap().parse().unwrap();
    Ok(Response::new(Full::from(path.repeat(number * 50))))
}
