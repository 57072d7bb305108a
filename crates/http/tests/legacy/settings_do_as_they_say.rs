use std::error::Error;
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use keepalive_http::legacy::Builder;
use tower::ServiceExt;

use crate::support::{Server, Told, builder, client, exchange, get, ok};

/// The bytes that a server receives.
async fn sent(builder: &mut Builder) -> String {
    let server = Server::start().await;
    let client = builder.build(Told::new());
    let request = get(server.uri("/a"));
    let serve = async { server.accept().await.serve(ok("")).await };
    let (response, head) = exchange(client.request(request), serve).await;
    assert_eq!(response.unwrap().status(), 200);
    head
}

#[tokio::test]
async fn an_old_name_does_what_the_new_one_does() {
    let server = Server::start().await;
    let mut builder = builder();
    #[expect(deprecated, reason = "programs that use it compile")]
    let client = builder.max_idle_per_host(0).build(Told::new());
    let ask = client.request(get(server.uri("/a")));
    let (response, mut peer) = exchange(ask, server.serve(ok(""))).await;
    response.unwrap();
    peer.closed().await;
}

#[tokio::test]
async fn a_host_is_named_unless_it_is_not_to_be() {
    assert!(sent(&mut builder()).await.contains("\r\nhost: "));
    let bare = sent(builder().set_host(false)).await;
    assert_eq!(bare, "GET /a HTTP/1.1\r\n\r\n");
}

#[tokio::test]
async fn headers_may_be_in_title_case() {
    let head = sent(builder().http1_title_case_headers(true)).await;
    assert!(head.contains("\r\nHost: "), "{head}");
}

#[tokio::test]
async fn a_response_may_be_as_odd_as_is_allowed() {
    let odd = "HTTP/1.1 200 OK\r\ncontent-length : 0\r\n\r\n";
    for allowed in [false, true] {
        let server = Server::start().await;
        let mut builder = builder();
        builder.http1_allow_spaces_after_header_name_in_responses(allowed);
        let client = builder.build(Told::new());
        let ask = client.request(get(server.uri("/a")));
        let (response, _) = exchange(ask, server.serve(odd)).await;
        assert_eq!(response.is_ok(), allowed);
    }
}

#[tokio::test]
async fn a_request_is_sent_again_unless_it_is_not_to_be() {
    for again in [true, false] {
        let server = Server::start().await;
        let mut builder = builder();
        let client = builder.retry_canceled_requests(again).build(Told::new());
        let ask = client.request(get(server.uri("/a")));
        let (response, mut peer) = exchange(ask, server.serve(ok(""))).await;
        response.unwrap();
        let ask = client.request(get(server.uri("/b")));
        let serve = async {
            peer.request().await;
            drop(peer);
            if again {
                server.serve(ok("")).await;
            }
        };
        let (response, ()) = exchange(ask, serve).await;
        assert_eq!(response.is_ok(), again);
    }
}

/// A reused connection is lost after a piece of an answer. The client only notices the piece if it
/// counts the bytes read.
#[tokio::test]
async fn a_get_is_sent_again_if_the_head_of_its_answer_is_missing() {
    for (counts, piece, again) in [
        (false, "", true),
        (false, "HTTP/1.1 200", true),
        (false, "nonsense\r\n\r\n", false),
        (true, "", true),
        (true, "HTTP/1.1 200", false),
        (true, "nonsense\r\n\r\n", false),
    ] {
        let server = Server::start().await;
        let client = builder().count_upgraded(counts).build(Told::new());
        let ask = client.request(get(server.uri("/a")));
        let (response, mut peer) = exchange(ask, server.serve(ok(""))).await;
        response.unwrap();
        let serve = async {
            peer.serve(piece).await;
            drop(peer);
            if again {
                server.serve(ok("")).await;
            }
        };
        let ask = client.request(get(server.uri("/b")));
        let (response, ()) = exchange(ask, serve).await;
        assert_eq!(response.is_ok(), again, "{counts} {piece}");
    }
}

#[tokio::test]
async fn without_an_idle_timeout_connections_are_kept() {
    let server = Server::start().await;
    let connector = Told::new();
    let client = builder().pool_idle_timeout(None).build(connector.clone());
    let ask = client.request(get(server.uri("/a")));
    let (response, mut peer) = exchange(ask, server.serve(ok(""))).await;
    response.unwrap();
    let ask = client.request(get(server.uri("/b")));
    exchange(ask, peer.serve(ok(""))).await.0.unwrap();
    assert_eq!(connector.opened(), 1);
}

#[tokio::test]
async fn what_can_not_work_counts_as_the_nearest_that_can() {
    let mut builder = builder();
    builder
        .http1_max_buf_size(0)
        .http1_max_headers(usize::MAX)
        .http2_max_frame_size(0)
        .http2_keep_alive_interval(Duration::MAX)
        .http2_keep_alive_timeout(Duration::MAX)
        .http2_initial_stream_window_size(u32::MAX)
        .http2_initial_connection_window_size(u32::MAX)
        .http2_max_send_buf_size(usize::MAX);
    sent(&mut builder).await;
    let connector = Told::new();
    let server = crate::frames::Server::start().await;
    let client = builder.http2_only(true).build(connector);
    let asked = tokio::spawn(client.request(get(server.uri("/a"))));
    let mut peer = server.accept(1).await;
    let stream = peer.request().await;
    peer.answer(stream).await;
    assert_eq!(asked.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn a_connection_has_the_window_of_all_its_streams_unless_windows_are_set() {
    type Set = fn(&mut Builder) -> &mut Builder;
    const WINDOW_UPDATE: u8 = 8;
    const OURS: u32 = 512 << 20;
    const HYPERS: u32 = 5 << 20;
    let cases: [(Set, u32); 5] = [
        (|builder| builder, OURS),
        (
            |builder| builder.http2_initial_stream_window_size(None),
            OURS,
        ),
        (
            |builder| builder.http2_initial_stream_window_size(1 << 20),
            HYPERS,
        ),
        (
            |builder| builder.http2_initial_connection_window_size(1 << 20),
            1 << 20,
        ),
        (|builder| builder.http2_adaptive_window(false), OURS),
    ];
    for (set, window) in cases {
        let server = crate::frames::Server::start().await;
        let mut builder = builder();
        let client = set(builder.http2_only(true)).build(Told::new());
        let asked = tokio::spawn(client.request(get(server.uri("/a"))));
        let mut peer = server.accept(1).await;
        let update = peer.next(WINDOW_UPDATE).await;
        let more: [u8; 4] = update.payload[..].try_into().unwrap();
        assert_eq!(
            (update.stream, u32::from_be_bytes(more) + 65_535),
            (0, window)
        );
        let stream = peer.request().await;
        peer.answer(stream).await;
        asked.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_response_of_too_many_headers_is_an_error() {
    use std::fmt::Write;
    let mut head = "HTTP/1.1 200 OK\r\n".to_owned();
    for n in 0..25_000 {
        write!(head, "x{n}: y\r\n").unwrap();
    }
    let server = Server::start().await;
    let mut builder = builder();
    builder.http1_max_headers(usize::MAX);
    let client = builder.build(Told::new());
    let asked = tokio::spawn(client.request(get(server.uri("/a"))));
    let _peer = server.serve(head + "\r\n").await;
    let error = asked.await.unwrap().unwrap_err();
    let cause = error.source().expect("what hyper says");
    assert!(cause.to_string().contains("too large"), "{cause}");
}

#[tokio::test]
async fn a_buffer_is_no_larger_than_it_can_be() {
    sent(builder().http1_read_buf_exact_size(usize::MAX)).await;
}

#[tokio::test]
async fn a_client_is_a_service() {
    let server = Server::start().await;
    let client = client(&Told::new());
    let serve = server.serve(ok(""));
    let (response, mut peer) = exchange((&client).oneshot(get(server.uri("/a"))), serve).await;
    assert_eq!(response.unwrap().status(), 200);
    let serve = peer.serve(ok(""));
    let (response, _) = exchange(client.clone().oneshot(get(server.uri("/b"))), serve).await;
    assert_eq!(response.unwrap().status(), 200);
}

#[test]
fn what_hyper_util_shares_is_shared() {
    fn shared<T: Send + Sync + 'static>(_: &T) {}
    let connector = Told::new();
    let client = client(&connector);
    shared(&client);
    shared(&client.get("http://h.test/".parse().unwrap()));
    shared(&builder());
    // As hyper-util's, it asks nothing of its type parameters.
    struct Holds<C>(Option<keepalive_http::legacy::Client<C, Empty<Bytes>>>);
    assert!(Holds::<()>(None).0.is_none());
}
