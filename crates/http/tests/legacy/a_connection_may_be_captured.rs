use http_body_util::Empty;
use hyper::body::Bytes;
use keepalive_http::legacy::connect::{HttpInfo, capture_connection};

use crate::support::{Server, Told, builder, client, exchange, get, ok, within};

#[tokio::test]
async fn by_whoever_sends_the_request() {
    let server = Server::start().await;
    let client = client(&Told::new());
    let mut request = get(server.uri("/a"));
    let captured = capture_connection(&mut request);
    assert!(captured.connection_metadata().is_none());
    let (response, _) = exchange(client.request(request), server.serve(ok(""))).await;
    response.unwrap();
    let mut extensions = http::Extensions::new();
    let metadata = captured.connection_metadata();
    metadata.as_ref().unwrap().get_extras(&mut extensions);
    let info: &HttpInfo = extensions.get().unwrap();
    assert_eq!(info.remote_addr().port(), server.port());
}

#[tokio::test]
async fn as_soon_as_there_is_one() {
    let server = Server::start().await;
    let client = client(&Told::new());
    let mut request = get(server.uri("/a"));
    let mut captured = capture_connection(&mut request);
    let ask = client.request(request);
    // The server has not even accepted it.
    tokio::select! {
        _ = ask => panic!("nothing was answered"),
        metadata = within(captured.wait_for_connection_metadata()) => {
            assert!(metadata.is_some());
        }
    }
}

#[tokio::test]
async fn not_where_there_is_none() {
    let server = Server::start().await;
    let uri = server.uri("/a");
    drop(server);
    let client = builder().build_http::<Empty<Bytes>>();
    let mut request = get(uri);
    let mut captured = capture_connection(&mut request);
    assert!(
        within(client.request(request))
            .await
            .unwrap_err()
            .is_connect()
    );
    assert!(
        within(captured.wait_for_connection_metadata())
            .await
            .is_none()
    );
}
