//! Compares with hyper-util's own client: both send the same bytes and return the same results.

use std::any::type_name;
use std::error::Error;
use std::fmt;
use std::iter::successors;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use http::{Method, Request, Response, Version};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::client::legacy as theirs;
use hyper_util::rt::{TokioExecutor, TokioIo};
use keepalive_http::legacy as ours;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::yield_now;

use crate::support::pipe::{Fars, Pipes};
use crate::support::{Server, ok, within};

/// Headers that describe the body.
const ANNOUNCED: [&[(&str, &str)]; 14] = [
    &[],
    &[("content-length", "0")],
    &[("content-length", "3")],
    &[("content-length", "5")],
    &[("content-length", "9")],
    &[("content-length", "+5")],
    &[("content-length", "five")],
    &[("content-length", "5"), ("content-length", "5")],
    &[("content-length", "5"), ("content-length", "9")],
    &[("transfer-encoding", "chunked")],
    &[("transfer-encoding", "gzip")],
    &[("transfer-encoding", "gzip, chunked")],
    &[("transfer-encoding", "chunked"), ("content-length", "5")],
    &[("connection", "close")],
];

const VERSIONS: [Version; 5] = [
    Version::HTTP_09,
    Version::HTTP_10,
    Version::HTTP_11,
    Version::HTTP_2,
    Version::HTTP_3,
];

/// The result of a client: the status, or all that an error tells.
macro_rules! outcome {
    ($outcome:expr) => {
        match $outcome {
            Ok(response) => response.status().to_string(),
            Err(error) => said(&error, error.is_connect(), error.connect_info().is_some()),
        }
    };
}

/// Sends a request by a client of `$library` whose connections are pipes.
macro_rules! seen {
    ($library:ident, $request:expr) => {{
        let (pipes, fars) = Pipes::new();
        let client = $library::Client::builder(TokioExecutor::new()).build(pipes);
        let asked = tokio::spawn(client.request($request));
        let (sent, heard) = tokio::join!(serve(fars), async {
            let heard = within(asked).await.unwrap();
            drop(client);
            outcome!(heard)
        });
        Seen { sent, heard }
    }};
}

/// Sends a request by a client of `$library` over TCP.
macro_rules! outcome_by {
    ($library:ident, $request:expr, $http2_only:expr) => {{
        let mut builder = $library::Client::builder(TokioExecutor::new());
        let client = builder.http2_only($http2_only).build_http();
        outcome!(within(client.request($request)).await)
    }};
}

#[tokio::test]
async fn requests_with_any_body_are_sent_as_hyper_util_sends_them() {
    all(Empty::<Bytes>::new).await;
    all(|| Full::<Bytes>::from("hello")).await;
    all(Full::<Bytes>::default).await;
    all(|| Full::<Bytes>::from("hello").boxed()).await;
    all(|| Pieces(vec!["lo", "hel"], None)).await;
    all(|| Pieces(vec![], Some(Failure))).await;
    all(|| Pieces(vec!["hel"], Some(Failure))).await;
}

#[tokio::test]
async fn requests_without_a_connection_fail_as_hyper_utils_do() {
    let closed = Server::start().await.uri("/").to_string();
    for url in [&*closed, "https://127.0.0.1:1/", "/a", "h.test:81"] {
        let request = || Request::get(url).body(Empty::<Bytes>::new()).unwrap();
        let by_ours = outcome_by!(ours, request(), false);
        let by_theirs = outcome_by!(theirs, request(), false);
        assert_eq!(by_ours, by_theirs, "{url}");
    }
}

#[tokio::test]
async fn requests_with_a_body_that_fails_by_http_2_fail_as_hyper_utils_do() {
    let server = Server::start().await;
    let url = server.uri("/");
    server.each(|peer| async {
        let answer = service_fn(async |request: Request<Incoming>| {
            let body = request.into_body().collect().await;
            body.map(|_| Response::new(Empty::<Bytes>::new()))
        });
        let builder = http2::Builder::new(TokioExecutor::new());
        let stream = TokioIo::new(peer.into_stream());
        let _ended = builder.serve_connection(stream, answer).await;
    });
    let request = || {
        let body = Pieces(vec!["hel"], Some(Failure));
        Request::post(&url).body(body).unwrap()
    };
    let by_ours = outcome_by!(ours, request(), true);
    let by_theirs = outcome_by!(theirs, request(), true);
    assert_eq!(by_ours, by_theirs);
}

/// Sends the body with all methods, versions and headers.
async fn all<B>(body: impl Fn() -> B)
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    for method in [Method::GET, Method::POST, Method::HEAD, Method::CONNECT] {
        for version in VERSIONS {
            for headers in ANNOUNCED {
                let request = || {
                    let mut request = Request::builder()
                        .method(&method)
                        .version(version)
                        .uri("http://h.test:81/a");
                    for (name, value) in headers {
                        request = request.header(*name, *value);
                    }
                    request.body(body()).unwrap()
                };
                let tried = format!("{method} {version:?} {headers:?} {}", type_name::<B>());
                let (by_ours, by_theirs) = (seen!(ours, request()), seen!(theirs, request()));
                assert_eq!(by_ours, by_theirs, "{tried}");
            }
        }
    }
}

/// The bytes that the server received, and the client's result.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    sent: String,
    heard: String,
}

/// Reads until nothing more comes, answers, and reads to the end.
async fn serve(mut fars: Fars) -> String {
    let Some((_, far)) = within(fars.recv()).await else {
        return String::new();
    };
    let mut far = far.into_stream();
    let (mut sent, mut quiet) = (Vec::new(), 0);
    while quiet < 50 {
        let read = pin!(far.read_buf(&mut sent));
        match read.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(1..)) => quiet = 0,
            Poll::Ready(_) => return String::from_utf8(sent).unwrap(),
            Poll::Pending => quiet += 1,
        }
        yield_now().await;
    }
    far.write_all(ok("").as_bytes()).await.unwrap();
    within(far.read_to_end(&mut sent)).await.unwrap();
    String::from_utf8(sent).unwrap()
}

/// An error and its chain of sources.
fn said(error: &(dyn Error + 'static), is_connect: bool, has_info: bool) -> String {
    let causes = successors(Some(error), |&error| error.source());
    let causes = causes.map(|error| {
        let hyper = error.downcast_ref::<hyper::Error>();
        format!(
            "{error} (of hyper: {:?}, ours: {})",
            hyper.map(hyper::Error::is_user),
            error.is::<Failure>()
        )
    });
    let causes: Vec<_> = causes.collect();
    format!("connect: {is_connect}, info: {has_info}: {causes:?}")
}

/// A body in pieces, the last first, with an optional failure at its end.
struct Pieces(Vec<&'static str>, Option<Failure>);

#[derive(Clone, Copy, Debug)]
struct Failure;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the file has gone")
    }
}

impl Error for Failure {}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        Poll::Ready(match self.0.pop() {
            Some(piece) => Some(Ok(Frame::data(Bytes::from(piece)))),
            None => self.1.take().map(Err),
        })
    }
}
