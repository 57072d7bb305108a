//! The bytes of a request, beside those that hyper writes for it.

use http::{HeaderName, Request};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use keepalive_testkit::dice::Dice;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::exchange::Form;

const METHODS: [&str; 9] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "OPTIONS",
    "PATCH",
    "TRACE",
    "OWN-METHOD",
];

const URLS: [&str; 6] = [
    "http://h.test",
    "http://h.test:8080/a/b?c=d&e",
    "http://h.test?a=b",
    "http://[::1]:80/%20",
    "http://h.test/ä",
    "https://h.test/",
];

const FIELDS: [(&str, &str); 12] = [
    ("accept", "*/*"),
    ("cookie", "a=b; c=d"),
    ("x-empty", ""),
    ("x-text", "one \t two"),
    ("host", "other.test"),
    ("te", "trailers"),
    ("trailer", "x-end"),
    ("keep-alive", "timeout=5"),
    ("expect", "other"),
    ("X-Upper", "Case"),
    ("authorization", "Basic YTpi"),
    ("content-type", "text/plain"),
];

/// What hyper alone sends on a connection, after a response of each version.
async fn sent_by_hyper(exchange: &Exchange, body: &Outgoing) -> [Vec<u8>; 2] {
    let (near, mut far) = duplex(1 << 20);
    let begun = http1::handshake::<_, Outgoing>(TokioIo::new(near));
    let (mut sender, connection) = begun.await.expect("a handshake");
    let connection = tokio::spawn(connection);
    let mut sent = Vec::new();
    for _ in 0..2 {
        sender.ready().await.expect("it is kept");
        let body = body.again().expect("in memory");
        let message = exchange.message(Version::HTTP_11, Form::Target, body);
        let answer = tokio::spawn(sender.send_request(message));
        sent.push(request(&mut far, exchange).await);
        let answered = b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n";
        far.write_all(answered).await.expect("it is read");
        answer.await.expect("no panic").expect("an answer");
    }
    connection.abort();
    sent.try_into().expect("two requests")
}

/// Reads one request: its head, and as much as its length announces.
async fn request(far: &mut DuplexStream, exchange: &Exchange) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(far.read_u8().await.expect("a head"));
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; length];
    far.read_exact(&mut body).await.expect("a body");
    assert!(text.starts_with(exchange.head.method.as_str()));
    bytes.extend(body);
    bytes
}

#[tokio::test]
async fn a_request_is_written_as_hyper_writes_it() {
    let mut written = 0;
    for seed in 0..3000 {
        let mut dice = Dice(seed);
        let size = [0, 0, 1, 5, 16 * 1024][dice.below(5)];
        let body = Outgoing::new(Full::new(Bytes::from(vec![b'b'; size])));
        let request = Request::builder().method(METHODS[dice.below(METHODS.len())]);
        let mut request = request.uri(URLS[dice.below(URLS.len())]);
        for _ in 0..dice.below(5) {
            let (name, value) = FIELDS[dice.below(FIELDS.len())];
            request = request.header(name, value);
        }
        if dice.below(4) == 0 {
            request = request.header("content-length", size);
        }
        let head = request.body(()).expect("a request").into_parts().0;
        let exchange = Exchange::new(head, &body).expect("it can be sent");
        let by_hyper = sent_by_hyper(&exchange, &body).await;
        for (is_old, by_hyper) in [false, true].into_iter().zip(by_hyper) {
            let mut ours = Vec::new();
            assert!(exchange.write_head(&body, is_old, &mut ours));
            body.copy_to(&mut ours);
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            assert_eq!(text(&ours), text(&by_hyper), "seed {seed}, old: {is_old}");
            written += 1;
        }
    }
    assert_eq!(written, 6000);
}

#[test]
fn what_only_hyper_can_send_is_left_to_it() {
    let declines = |change: &dyn Fn(&mut Request<()>), body: Outgoing| {
        let mut request = Request::post("http://h.test/").body(()).expect("a request");
        change(&mut request);
        let exchange = Exchange::new(request.into_parts().0, &body).expect("it can be sent");
        !exchange.write_head(&body, false, &mut Vec::new())
    };
    let text = || Outgoing::new("text".to_owned());
    assert!(!declines(&|_| {}, text()));
    for name in [CONNECTION, UPGRADE, TRANSFER_ENCODING] {
        let name: HeaderName = name;
        let with = |request: &mut Request<()>| {
            request
                .headers_mut()
                .insert(&name, HeaderValue::from_static("x"));
        };
        assert!(declines(&with, text()), "{name}");
    }
    let old = |request: &mut Request<()>| *request.version_mut() = Version::HTTP_10;
    assert!(declines(&old, text()));
    let own = |request: &mut Request<()>| {
        request.extensions_mut().insert(7_u8);
    };
    assert!(declines(&own, text()));
    let ours = |request: &mut Request<()>| {
        request.extensions_mut().insert(Idempotent(true));
        request.extensions_mut().insert(Deadlines::new());
    };
    assert!(!declines(&ours, text()));
    assert!(declines(&|_| {}, Outgoing::new("x".repeat(16 * 1024 + 1))));
}
