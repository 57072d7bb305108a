use std::convert::Infallible;

use http::header::{HOST, SEC_WEBSOCKET_VERSION};
use http::{Request, Response, Version};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::ext::Protocol;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use keepalive_http::legacy::connect::Connected;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{Told, client, eventually, within};

#[tokio::test]
async fn for_another_protocol() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/up", listener.local_addr().unwrap());
    tokio::spawn(serve(listener));
    let client = client(&Told::describing(Connected::negotiated_h2));
    let request = Request::connect(uri)
        .version(Version::HTTP_2)
        .header(SEC_WEBSOCKET_VERSION, "13")
        .extension(Protocol::from_static("websocket"))
        .body(Empty::<Bytes>::new());
    let response = within(client.request(request.unwrap())).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.version()),
        (200, Version::HTTP_2)
    );
    let mut io = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    io.write_all(b"foo=bar").await.unwrap();
    let mut text = [0; 7];
    within(io.read_exact(&mut text)).await.unwrap();
    assert_eq!(&text, b"bar=foo");
    let manager = client.manager().unwrap();
    assert_eq!(manager.stats().total.leased, 1);
    drop(io);
    eventually("nobody has it", || manager.stats().total.idle == 1).await;
}

async fn serve(listener: TcpListener) {
    let (stream, _) = listener.accept().await.unwrap();
    let answer = async |mut request: Request<Incoming>| {
        assert_eq!(request.headers().get(HOST), None);
        assert_eq!(request.headers()[SEC_WEBSOCKET_VERSION], "13");
        let websocket = Protocol::from_static("websocket");
        assert_eq!(request.extensions().get(), Some(&websocket));
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut io = TokioIo::new(upgrade.await.unwrap());
            let mut text = [0; 7];
            io.read_exact(&mut text).await.unwrap();
            assert_eq!(&text, b"foo=bar");
            io.write_all(b"bar=foo").await.unwrap();
            // Until the client ends the stream.
            io.read_exact(&mut text).await.unwrap_err();
        });
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    };
    let served = http2::Builder::new(TokioExecutor::new())
        .enable_connect_protocol()
        .serve_connection(TokioIo::new(stream), service_fn(answer));
    served.await.unwrap();
}
