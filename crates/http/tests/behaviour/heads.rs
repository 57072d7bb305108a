//! X1, H6: heads and trailers have the same limits in both versions of HTTP. A larger one is an
//! error that names the setting and its value.

#![allow(clippy::unwrap_used)]

use std::convert::Infallible;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, Version};
use http_body_util::{BodyExt, Channel, Empty};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use keepalive_http::{Client, Http};

use crate::support::{Pair, Server, client_of, within};

const BYTES: usize = 128 * 1024;
const FIELDS: usize = 1000;

// hyper parses no more in trailers of HTTP/1.1.
const TRAILERS: usize = 100;

// Fields that a server adds by itself.
const EXTRA_FIELDS: usize = 5;
const EXTRA_BYTES: usize = 600;

#[tokio::test]
async fn heads_and_trailers_have_default_limits() {
    limits(BYTES, FIELDS, |http| http).await;
}

#[tokio::test]
async fn the_limits_of_heads_and_trailers_may_be_lower() {
    let set = |http: Http| http.max_header_bytes(8192).max_header_fields(20);
    limits(8192, 20, set).await;
}

#[tokio::test]
async fn the_limits_of_heads_and_trailers_may_be_higher() {
    let set = |http: Http| http.max_header_bytes(500_000).max_header_fields(3000);
    limits(500_000, 3000, set).await;
}

#[tokio::test]
async fn a_head_far_above_the_limit_by_http_2_leaves_its_connection_and_is_named() {
    let uri = serve(Version::HTTP_2).await;
    let client = client_of(http(Version::HTTP_2), 1);
    ask(&client, &uri, Sent::head(1, 1)).await.unwrap();
    let error = ask(&client, &uri, Sent::head(1, 3 * BYTES)).await;
    let error = error.unwrap_err();
    assert!(
        error.contains("makes no sense, or is larger than the 131072 bytes of max_header_bytes"),
        "{error}"
    );
    ask(&client, &uri, Sent::head(1, 1)).await.unwrap();
    assert_eq!(
        client.manager().stats().total.opened,
        1,
        "the connection goes on"
    );
    let error = ask(&client, &uri, Sent::head(1, 20 * BYTES)).await;
    let error = error.unwrap_err();
    assert!(
        error.contains("is larger than the 131072 bytes of max_header_bytes"),
        "{error}"
    );
}

#[tokio::test]
async fn a_head_without_end_is_an_error_that_names_the_limit() {
    let answers = [
        (
            format!("long: {}", "x".repeat(BYTES)),
            "131072 bytes of max_header_bytes",
        ),
        (
            "a: b\r\n".repeat(FIELDS + 1),
            "1000 fields of max_header_fields",
        ),
    ];
    for (rest, named) in answers {
        let pair = Pair::start().await;
        let answer = format!("HTTP/1.1 200 OK\r\n{rest}\r\n");
        let (response, mut peer) = pair.get(answer).await;
        let error = response.unwrap_err();
        assert_eq!(error.function(), "response");
        assert!(error.error_str().contains(named), "{error}");
        peer.closed().await;
    }
}

/// The client accepts a part at the limits, and rejects one just over them.
async fn limits(bytes: usize, fields: usize, set: fn(Http) -> Http) {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for part in [Part::Head, Part::Trailers] {
            limit(version, part, bytes, fields, set).await;
        }
    }
}

async fn limit(version: Version, part: Part, bytes: usize, fields: usize, set: fn(Http) -> Http) {
    let (uri, client) = (serve(version).await, client_of(set(http(version)), 1));
    let (fields, limit) = match (version, part) {
        (Version::HTTP_11, Part::Trailers) if fields > TRAILERS => (
            TRAILERS,
            "100 fields that are parsed in HTTP/1.1".to_owned(),
        ),
        _ => (fields, format!("{fields} fields of max_header_fields")),
    };
    let sent = |fields, bytes| Sent {
        part,
        fields,
        bytes,
    };
    for fits in [sent(1, bytes - EXTRA_BYTES), sent(fields - EXTRA_FIELDS, 2)] {
        let taken = ask(&client, &uri, fits).await;
        assert_eq!(taken, Ok(fits.fields), "{version:?} {fits:?}");
    }
    let too_large = [
        (
            sent(1, bytes),
            format!("larger than the {bytes} bytes of max_header_bytes"),
        ),
        (sent(fields + 1, 2), format!("more than the {limit}")),
    ];
    for (sent, named) in too_large {
        // The connection was used before, and still the client does not send the request again.
        let error = ask(&client, &uri, sent).await.unwrap_err();
        assert!(error.contains(&named), "{version:?} {sent:?}: {error}");
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Head,
    Trailers,
}

/// The fields that the server sends: their number, and the bytes of all values together.
#[derive(Clone, Copy, Debug)]
struct Sent {
    part: Part,
    fields: usize,
    bytes: usize,
}

impl Sent {
    fn head(fields: usize, bytes: usize) -> Self {
        Self {
            part: Part::Head,
            fields,
            bytes,
        }
    }

    fn query(self) -> String {
        format!("/?{:?}-{}-{}", self.part, self.fields, self.bytes)
    }

    fn of(uri: &Uri) -> Self {
        let mut numbers = uri.query().unwrap().split('-');
        let part = match numbers.next().unwrap() {
            "Head" => Part::Head,
            _ => Part::Trailers,
        };
        let mut number = || numbers.next().unwrap().parse().unwrap();
        Self {
            part,
            fields: number(),
            bytes: number(),
        }
    }

    fn map(self) -> HeaderMap {
        let value = "v".repeat(self.bytes / self.fields);
        let value = HeaderValue::from_str(&value).unwrap();
        let name = |number| HeaderName::from_bytes(format!("h{number}").as_bytes()).unwrap();
        (0..self.fields)
            .map(|number| (name(number), value.clone()))
            .collect()
    }
}

/// The number of the server's fields that came, or the text of the error.
async fn ask(client: &Client, uri: &str, sent: Sent) -> Result<usize, String> {
    let request = Request::get(format!("{uri}{}", sent.query())).header("te", "trailers");
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let response = match within(client.request(request)).await {
        Ok(response) => response,
        Err(error) => {
            assert_eq!(
                (error.function(), error.resent()),
                ("response", 0),
                "{error}"
            );
            return Err(error.to_string());
        }
    };
    let (head, body) = response.into_parts();
    let body = match within(body.collect()).await {
        Ok(body) => body,
        Err(error) => {
            assert_eq!(error.function(), "body");
            return Err(error.to_string());
        }
    };
    let map = match sent.part {
        Part::Head => &head.headers,
        Part::Trailers => body.trailers().expect("trailers"),
    };
    let is_ours = |name: &&HeaderName| name.as_str().starts_with('h');
    Ok(map.keys().filter(is_ours).count())
}

fn http(version: Version) -> Http {
    match version {
        Version::HTTP_2 => Http::new().http2_only(),
        _ => Http::new(),
    }
}

/// A server that sends the fields that the request asks for.
async fn serve(version: Version) -> String {
    let server = Server::start().await;
    let port = server.port();
    server.each(move |peer| async move {
        let stream = TokioIo::new(peer.into_stream());
        let service = service_fn(|request| async move { Ok::<_, Infallible>(answer(&request)) });
        // It ends when the client closes, however that looks.
        let _ended = match version {
            Version::HTTP_2 => {
                let builder = http2::Builder::new(TokioExecutor::new());
                builder.serve_connection(stream, service).await
            }
            _ => {
                let builder = http1::Builder::new();
                builder.serve_connection(stream, service).await
            }
        };
    });
    format!("http://127.0.0.1:{port}")
}

fn answer(request: &Request<Incoming>) -> Response<Channel<Bytes>> {
    let sent = Sent::of(request.uri());
    let (mut sender, body) = Channel::new(2);
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    match sent.part {
        Part::Head => *headers = sent.map(),
        Part::Trailers => {
            let trailers = sent.map();
            let names: Vec<_> = trailers.keys().map(HeaderName::as_str).collect();
            headers.insert("trailer", names.join(",").parse().unwrap());
            sender.try_send(Frame::trailers(trailers)).unwrap();
        }
    }
    response
}
