use http::Request;
use http_body_util::Empty;
use hyper::body::Bytes;

use crate::support::{Server, Told, client, exchange, get, ok};

#[tokio::test]
async fn where_the_connector_says_that_it_is_one() {
    let server = Server::start().await;
    let client = client(&Told::describing(|connected| connected.proxy(true)));
    let uri = server.uri("/foo/bar?baz");
    let accept = async { server.accept().await.serve(ok("")).await };
    let (response, head) = exchange(client.request(get(uri.clone())), accept).await;
    assert_eq!(response.unwrap().status(), 200);
    let host = uri.authority().unwrap();
    assert_eq!(head, format!("GET {uri} HTTP/1.1\r\nhost: {host}\r\n\r\n"));
}

#[tokio::test]
async fn but_for_a_tunnel_by_the_authority() {
    let server = Server::start().await;
    let uri = server.uri("/useless/path");
    let host = uri.authority().unwrap().to_string();
    for describe in [
        Told::new(),
        Told::describing(|connected| connected.proxy(true)),
    ] {
        let client = client(&describe);
        let accept = async { server.accept().await.serve("HTTP/1.1 200 OK\r\n\r\n").await };
        let request = Request::connect(uri.clone()).body(Empty::<Bytes>::new());
        let (response, head) = exchange(client.request(request.unwrap()), accept).await;
        assert_eq!(response.unwrap().status(), 200);
        let expected = format!("CONNECT {host} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        assert_eq!(head, expected);
    }
}
