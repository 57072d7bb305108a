//! H6, RFC 9110, section 15.2: interim responses (1xx) may come before the answer, up to a limit.
//! While they come, others go on.

#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::body::Bytes;
use keepalive_http::Http;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{interval, timeout};

use crate::support::{Pair, allocation, client_of, exchange, ok, text, within};

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nlink: </>\r\n\r\n";

#[tokio::test]
async fn a_thousand_interim_responses_may_come_before_each_answer() {
    let pair = Pair::start().await;
    let answer = CONTINUE.repeat(999) + HINTS + &ok("one");
    let (response, mut peer) = pair.get(answer).await;
    assert_eq!(text(response.unwrap()).await, "one");

    // They are counted from one request to its response.
    let answer = CONTINUE.repeat(1000) + &ok("two");
    let response = pair.get_on(&mut peer, answer).await.unwrap();
    assert!(allocation(&response).from_cache.is_some());
    assert_eq!(text(response).await, "two");
}

#[tokio::test]
async fn more_interim_responses_than_the_limit_are_an_error_that_names_it() {
    for (limit, came, is_taken) in [(2, 2, true), (2, 3, false), (0, 0, true), (0, 1, false)] {
        let client = client_of(Http::new().max_interim_responses(limit), 1);
        let pair = Pair::of(client).await;
        let (response, mut peer) = pair.get(HINTS.repeat(came) + &ok("one")).await;
        if is_taken {
            assert_eq!(text(response.unwrap()).await, "one");
            continue;
        }
        let error = response.unwrap_err();
        assert_eq!((error.function(), error.resent()), ("response", 0));
        let named = format!("the {limit} of max_interim_responses");
        assert!(error.error_str().contains(&named), "{error}");
        peer.closed().await;
    }
}

#[tokio::test]
async fn a_flood_of_interim_responses_is_an_error_by_either_version() {
    for flood in [Flood::one(), Flood::two()] {
        let client = client_of(flood.http(), 1);
        let error = within(client.get(flood.uri())).await.unwrap_err();
        assert_eq!((error.function(), error.resent()), ("response", 0));
        let named = "more interim responses (1xx) came than the 1000 of max_interim_responses";
        assert!(error.error_str().contains(named), "{error}");
    }
}

#[tokio::test]
async fn interim_responses_can_be_observed() {
    let pair = Pair::start().await;
    let request = Request::get(pair.server.uri("/"));
    let mut request = request.body(Empty::<Bytes>::new()).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    hyper::ext::on_informational(&mut request, move |response| {
        let link = response.headers().get("link").cloned();
        kept.lock().unwrap().push((response.status(), link));
    });
    let answer = CONTINUE.to_owned() + HINTS + &ok("one");
    let (response, _peer) = exchange(pair.client.request(request), pair.server.serve(answer)).await;
    assert_eq!(text(response.unwrap()).await, "one");
    let link = Some("</>".parse().unwrap());
    let came = [
        (StatusCode::CONTINUE, None),
        (StatusCode::EARLY_HINTS, link),
    ];
    assert_eq!(*seen.lock().unwrap(), came);
}

/// The baseline is a plain read of the same flood, piece by piece, without parsing. The best of
/// several rounds counts, because other load on the machine only makes a round worse.
#[tokio::test]
async fn a_flood_of_interim_responses_without_a_limit_leaves_time_for_others() {
    for flood in [Flood::one(), Flood::two()] {
        let unread = best_of_rounds(|| timeout(ROUND, flood.read_only())).await;
        let client = client_of(flood.http().max_interim_responses(usize::MAX), 1);
        let flooded = best_of_rounds(|| async {
            let answer = timeout(ROUND, client.get(flood.uri())).await;
            assert!(answer.is_err(), "it was answered: {answer:?}");
        });
        let flooded = flooded.await;
        assert!(
            flooded < unread + Duration::from_millis(10),
            "{flooded:?} between ticks, and {unread:?} where nothing is looked at, by {}",
            flood.version
        );
    }
}

const ROUND: Duration = Duration::from_millis(300);

/// The longest time between two ticks of a timer during a round, in the best of several.
async fn best_of_rounds<F: Future>(mut round: impl FnMut() -> F) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let mut ticks = interval(Duration::from_millis(1));
        let mut longest = Duration::ZERO;
        let mut last = Instant::now();
        let watch = async {
            loop {
                ticks.tick().await;
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
        };
        tokio::select! {
            () = watch => {}
            _ = round() => {}
        }
        best = best.min(longest.max(last.elapsed()));
    }
    best
}

/// A server that sends interim responses for as long as they are taken, on a thread of its own.
struct Flood {
    version: u8,
    port: u16,
}

impl Flood {
    fn one() -> Self {
        let link = "x".repeat(400);
        let hints = format!("HTTP/1.1 103 Early Hints\r\nlink: {link}\r\n\r\n");
        Self::start(1, hints.as_bytes(), |stream| {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte)?;
                head.extend(byte);
            }
            Ok(())
        })
    }

    fn two() -> Self {
        // The head of a response with the status 103, and a field (RFC 9113, section 6.2, and RFC
        // 7541, section 6.2.2).
        let mut hints = vec![0, 0, 112, 1, 4, 0, 0, 0, 1, 8, 3, b'1', b'0', b'3'];
        hints.extend(b"\x00\x04link\x64");
        hints.extend([b'x'; 100]);
        Self::start(2, &hints, |stream| {
            // No settings of its own.
            stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])?;
            stream.read_exact(&mut [0; 24])?;
            loop {
                let mut head = [0; 9];
                stream.read_exact(&mut head)?;
                let [_, b, c, kind, ..] = head;
                stream.read_exact(&mut vec![0; usize::from(b) * 256 + usize::from(c)])?;
                if kind == 1 {
                    return Ok(());
                }
            }
        })
    }

    fn start(version: u8, hints: &[u8], request: fn(&mut TcpStream) -> io::Result<()>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let hints = hints.repeat(1000);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                if request(&mut stream).is_ok() {
                    while stream.write_all(&hints).is_ok() {}
                }
            }
        });
        Self { version, port }
    }

    /// Reads for ever, with turns for others.
    async fn read_only(&self) {
        let address = ("127.0.0.1", self.port);
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request: &[u8] = match self.version {
            2 => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x01\x05\0\0\0\x01",
            _ => b"GET / HTTP/1.1\r\n\r\n",
        };
        stream.write_all(request).await.unwrap();
        loop {
            stream.read_exact(&mut [0; 2048]).await.unwrap();
            tokio::task::yield_now().await;
        }
    }

    fn uri(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    fn http(&self) -> Http {
        match self.version {
            2 => Http::new().http2_only(),
            _ => Http::new(),
        }
    }
}
