//! Settings of the builder, and of requests.

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use http::{Method, Request, Response};
use http_body_util::{Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use keepalive_http::Idempotent;
use keepalive_http::legacy::Builder;
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::support::{Pair, Server, Told, builder, client, exchange, get, ok, text, within};

/// The bytes that a server receives.
async fn sent(builder: &Builder) -> String {
    let pair = Pair::of(builder).await;
    let serve = async { pair.server.accept().await.serve(ok("")).await };
    let (response, head) = exchange(pair.ask(), serve).await;
    assert_eq!(response.unwrap().status(), 200);
    head
}

#[tokio::test]
async fn the_old_name_max_idle_per_host_works() {
    let mut builder = builder();
    #[expect(deprecated, reason = "programs that use it compile")]
    builder.max_idle_per_host(0);
    let (response, mut peer) = Pair::of(&builder).await.get(ok("")).await;
    response.unwrap();
    peer.closed().await;
}

#[tokio::test]
async fn a_host_header_is_sent_unless_set_host_is_false() {
    assert!(sent(&builder()).await.contains("\r\nhost: "));
    let bare = sent(builder().set_host(false)).await;
    assert_eq!(bare, "GET /a HTTP/1.1\r\n\r\n");
}

#[tokio::test]
async fn headers_may_be_sent_in_title_case() {
    let head = sent(builder().http1_title_case_headers(true)).await;
    assert!(head.contains("\r\nHost: "), "{head}");
}

#[tokio::test]
async fn a_space_after_a_header_name_is_an_error_unless_allowed() {
    let odd = "HTTP/1.1 200 OK\r\ncontent-length : 0\r\n\r\n";
    for allowed in [false, true] {
        let mut builder = builder();
        builder.http1_allow_spaces_after_header_name_in_responses(allowed);
        let (response, _peer) = Pair::of(&builder).await.get(odd).await;
        assert_eq!(response.is_ok(), allowed);
    }
}

/// Whether a GET is sent again if a reused connection is lost after this piece of an answer.
async fn is_sent_again(pair: &Pair, piece: &str, again: bool) -> bool {
    let request = get(pair.server.uri("/b"));
    is_request_sent_again(pair, request, piece, again).await
}

async fn is_request_sent_again(
    pair: &Pair,
    request: Request<Empty<Bytes>>,
    piece: &str,
    again: bool,
) -> bool {
    let mut peer = pair.used().await;
    let serve = async {
        peer.serve(piece).await;
        drop(peer);
        if again {
            pair.server.serve(ok("")).await;
        }
    };
    let asked = pair.client.request(request);
    exchange(asked, serve).await.0.is_ok()
}

#[tokio::test]
async fn a_get_is_sent_again_unless_retries_are_off() {
    for again in [true, false] {
        let pair = Pair::of(builder().retry_canceled_requests(again)).await;
        assert_eq!(is_sent_again(&pair, "", again).await, again);
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
        let pair = Pair::of(builder().count_upgraded(counts)).await;
        let is_again = is_sent_again(&pair, piece, again).await;
        assert_eq!(is_again, again, "{counts} {piece}");
    }
}

#[tokio::test]
async fn connections_without_an_idle_timeout_are_kept() {
    let pair = Pair::of(builder().pool_idle_timeout(None)).await;
    let mut peer = pair.used().await;
    pair.get_on(&mut peer, ok("")).await.unwrap();
    assert_eq!(pair.connector.opened(), 1);
}

#[tokio::test]
async fn settings_beyond_their_bounds_count_as_the_nearest_possible() {
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
    sent(&builder).await;
    let connector = Told::new();
    let server = crate::frames::Server::start().await;
    let client = builder.http2_only(true).build(connector);
    let asked = tokio::spawn(client.request(get(server.uri("/a"))));
    let mut peer = server.accept(1).await;
    peer.serve().await;
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
    let pair = Pair::of(builder().http1_max_headers(usize::MAX)).await;
    let (response, _peer) = pair.get(head + "\r\n").await;
    let error = response.unwrap_err();
    let cause = error.source().expect("what hyper says");
    assert!(cause.to_string().contains("too large"), "{cause}");
}

#[tokio::test]
async fn a_read_buffer_of_any_size_can_be_set() {
    sent(builder().http1_read_buf_exact_size(usize::MAX)).await;
}

#[tokio::test]
async fn a_client_is_a_service() {
    let Pair { server, client, .. } = Pair::start().await;
    let asked = (&client).oneshot(get(server.uri("/a")));
    let (response, mut peer) = exchange(asked, server.serve(ok(""))).await;
    assert_eq!(response.unwrap().status(), 200);
    let asked = client.clone().oneshot(get(server.uri("/b")));
    let (response, _) = exchange(asked, peer.serve(ok(""))).await;
    assert_eq!(response.unwrap().status(), 200);
}

#[test]
fn a_client_and_its_future_are_shared_as_hyper_utils_are() {
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

#[tokio::test]
async fn an_idempotent_request_is_sent_again_whatever_its_method() {
    for (method, said, again) in [
        (Method::GET, None, true),
        (Method::GET, Some(Idempotent(false)), false),
        (Method::POST, None, false),
        (Method::POST, Some(Idempotent(true)), true),
    ] {
        let pair = Pair::start().await;
        let mut request = get(pair.server.uri("/"));
        *request.method_mut() = method.clone();
        if let Some(said) = said {
            request.extensions_mut().insert(said);
        }
        let is_again = is_request_sent_again(&pair, request, "", again).await;
        assert_eq!(is_again, again, "{method} {said:?}");
    }
}

const TASKS: usize = 32;
const REQUESTS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_hold_and_each_of_many_requests_has_its_own_answer() {
    for http2_only in [false, true] {
        let server = Server::start().await;
        let port = server.port();
        server.each(move |peer| async move {
            let (io, answer) = (TokioIo::new(peer.into_stream()), service_fn(repeat));
            // It ends when the client closes, however that looks.
            let _ended = match http2_only {
                true => {
                    let builder = http2::Builder::new(TokioExecutor::new());
                    builder.serve_connection(io, answer).await
                }
                false => http1::Builder::new().serve_connection(io, answer).await,
            };
        });
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
                    let uri = format!("http://127.0.0.1:{port}{path}").parse().unwrap();
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

/// Answers with the path, many times over.
async fn repeat(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path();
    let number: usize = path.rsplit('/').next().unwrap().parse().unwrap();
    Ok(Response::new(Full::from(path.repeat(number * 50))))
}
