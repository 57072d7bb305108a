//! Finds the end of a response, which decides whether its connection can be used again.
//!
//! A server sends some bytes. Our client reads them twice, cut in two ways, and hyper alone reads
//! them in one piece. All must have the same response.
//!
//! Ours may use the connection again only if hyper has left none of the bytes unread, and must if
//! hyper would.

use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes as Data;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use keepalive::{Attempt, ConnectError, Connector, Manager};
use keepalive_http::{Client, Http};
use tokio::time::sleep;

use super::bytes::Bytes;
use super::wire::{Near, Wire};

/// The first four bytes choose the request, the server's behaviour and the cuts. The rest is the
/// server's response.
pub fn response(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let choice = bytes.below(256);
    let cuts: [usize; 3] = std::array::from_fn(|_| bytes.below(256));
    let said = bytes.0;
    let [first, second, third] = cuts.map(|cut| cut * (said.len() + 1) / 256);
    let script = Script {
        method: [Method::GET, Method::HEAD, Method::CONNECT][choice % 3].clone(),
        ends: choice & 64 > 0,
        at_once: choice & 128 > 0,
        said,
    };
    let alone = play(alone(&script));
    for mut cuts in [[first, first], [second, third]] {
        cuts.sort_unstable();
        let ours = play(ours(&script, cuts));
        // hyper reads a head in pieces only once its end has arrived, which may never happen.
        let no_head = alone.answer == Answer::NoHead && ours.answer == Answer::Awaited;
        if !no_head || script.ends {
            assert_eq!(ours.answer, alone.answer, "cut at {cuts:?}");
        }
        script.judge(&ours, &alone);
    }
}

struct Script<'a> {
    method: Method,
    /// Whether the server closes after it has sent everything.
    ends: bool,
    /// Whether the next request begins right after the last byte, before the reactor has looked.
    at_once: bool,
    said: &'a [u8],
}

/// The result of the first exchange, and of its connection.
struct Heard {
    answer: Answer,
    /// How many of the sent bytes are unread.
    left: Option<usize>,
    reused: bool,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Whole {
        status: StatusCode,
        body: Data,
        trailers: Option<HeaderMap>,
        /// Whether our client may close the connection for reasons that hyper does not know.
        may_close: bool,
    },
    Broken(StatusCode),
    NoHead,
    /// It never comes, or never ends.
    Awaited,
}

impl Script<'_> {
    fn judge(&self, ours: &Heard, alone: &Heard) {
        let Answer::Whole {
            status, may_close, ..
        } = ours.answer
        else {
            assert!(!ours.reused, "an exchange that is not over");
            return;
        };
        let tunnel = self.method == Method::CONNECT && status.is_success();
        if ours.reused {
            assert_eq!(alone.left, Some(0), "what is left is no answer to the next");
            assert!(!self.ends, "it has been closed");
            assert!(
                !tunnel && status != StatusCode::SWITCHING_PROTOCOLS,
                "it is no HTTP any more"
            );
        } else {
            assert!(
                !alone.reused || tunnel || may_close,
                "it could be used again"
            );
        }
    }

    fn request(&self) -> Request<Empty<Data>> {
        let uri = match self.method {
            Method::CONNECT => "h.test:80",
            _ => "http://h.test/",
        };
        let request = Request::builder().method(&self.method).uri(uri);
        request.body(Empty::new()).expect("a request")
    }
}

fn play<T>(played: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(played)
}

/// Waits until all tasks are idle: only then does the stopped clock advance.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

/// Lets all tasks run while no time passes: a manager trusts a connection that was used just now.
async fn turns() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

/// hyper alone, which receives everything in one piece.
async fn alone(script: &Script<'_>) -> Heard {
    let wire = Wire::default();
    let near = TokioIo::new(Near(wire.clone()));
    let mut builder = http1::Builder::new();
    // The same settings as in our client.
    builder
        .allow_obsolete_multiline_headers_in_responses(true)
        .max_headers(1000);
    let begun = builder.handshake(near).await;
    let (mut sender, connection) = begun.expect("no handshake");
    let connection = Arc::new(Mutex::new(Some(connection)));
    let driven = Arc::clone(&connection);
    let task = tokio::spawn(poll_fn(move |context| {
        match &mut *driven.lock().expect("no panic") {
            Some(connection) => connection.poll_without_shutdown(context).map(drop),
            None => Poll::Ready(()),
        }
    }));
    let mut request = script.request();
    if script.method != Method::CONNECT {
        *request.uri_mut() = "/".parse().expect("a path");
    }
    let answer = tokio::spawn(async move {
        let answer = sender.send_request(request).await;
        (hear(answer).await, sender)
    });
    settle().await;
    wire.request().expect("a request");
    wire.send(script.said);
    if script.ends {
        wire.end();
    }
    settle().await;
    let (answer, reused) = match answer.is_finished() {
        true => {
            let (answer, sender) = answer.await.expect("no panic");
            (answer, sender.is_ready())
        }
        false => {
            answer.abort();
            (Answer::Awaited, false)
        }
    };
    task.abort();
    let connection = connection.lock().expect("no panic").take();
    let parts = connection.expect("it was driven").into_parts();
    Heard {
        answer,
        left: Some(parts.read_buf.len() + wire.unread()),
        reused,
    }
}

/// Our client, which receives everything in pieces, and then makes another request.
async fn ours(script: &Script<'_>, cuts: [usize; 2]) -> Heard {
    let server = Server::default();
    let manager = Manager::builder().max_per_host(1);
    let manager = manager.connector(Http::over(server.clone())).build();
    let client = Client::new(manager.expect("sound settings"));
    let asked = client.request(script.request());
    let asked = tokio::spawn(async move { hear(asked.await).await });
    settle().await;
    let wire = server.wire(0).expect("a connection");
    wire.request().expect("a request");
    wire.send(&script.said[..cuts[0]]);
    settle().await;
    wire.send(&script.said[cuts[0]..cuts[1]]);
    match script.at_once {
        true => turns().await,
        false => settle().await,
    }
    let at_once = script.at_once && asked.is_finished();
    if at_once {
        wire.hide();
    }
    wire.send(&script.said[cuts[1]..]);
    if script.ends {
        wire.end();
    }
    if !at_once {
        settle().await;
    }
    let answer = match asked.is_finished() {
        true => asked.await.expect("no panic"),
        false => {
            asked.abort();
            Answer::Awaited
        }
    };
    Heard {
        answer,
        left: None,
        reused: ask_again(client, &server).await,
    }
}

/// Makes another request, which must get its own response. Returns whether it used the first
/// connection.
async fn ask_again(client: Client<Server>, server: &Server) -> bool {
    let mut asked = Box::pin(client.get("http://h.test/next"));
    let polled = poll_fn(|context| Poll::Ready(asked.as_mut().poll(context))).await;
    assert!(polled.is_pending(), "nobody has answered");
    let asked = tokio::spawn(asked);
    turns().await;
    server.wires()[0].show();
    let mut reused = None;
    // The client waits a moment for the rest of a body.
    for _ in 0..200 {
        settle().await;
        let connections = server.wires();
        for (number, wire) in connections.iter().enumerate() {
            if let Some(head) = wire.request() {
                assert!(
                    head.starts_with(b"GET /next "),
                    "the first is sent but once"
                );
                assert!(!wire.is_closed());
                wire.send(NEXT);
                reused = Some(number == 0);
            }
        }
        if asked.is_finished() {
            break;
        }
    }
    assert!(asked.is_finished(), "nobody is asked");
    let answer = asked.await.expect("no panic");
    let Answer::Whole { status, body, .. } = hear(answer).await else {
        panic!("the next is answered in any case");
    };
    assert_eq!(
        (status.as_u16(), &*body),
        (222, &b"next"[..]),
        "another's answer"
    );
    reused.expect("it was answered")
}

const NEXT: &[u8] = b"HTTP/1.1 222 Next\r\ncontent-length: 4\r\n\r\nnext";

/// Reads an answer to its end.
async fn hear<B, E>(answer: Result<Response<B>, E>) -> Answer
where
    B: http_body::Body<Data = Data>,
{
    let Ok(response) = answer else {
        return Answer::NoHead;
    };
    let (head, body) = response.into_parts();
    match body.collect().await {
        Ok(body) => Answer::Whole {
            status: head.status,
            trailers: body.trailers().cloned(),
            body: body.to_bytes(),
            may_close: may_close(&head.headers),
        },
        Err(_) => Answer::Broken(head.status),
    }
}

/// Whether the server announces how long it keeps the connection, or has two framings: another
/// reader may have found another end of the body.
fn may_close(headers: &HeaderMap) -> bool {
    let has = |name: &str| headers.contains_key(name);
    has("keep-alive") || (has("transfer-encoding") && has("content-length"))
}

/// Connections in the order in which they are opened.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Vec<Wire>>>);

impl Server {
    fn wires(&self) -> Vec<Wire> {
        self.0.lock().expect("no panic").clone()
    }

    fn wire(&self, number: usize) -> Option<Wire> {
        self.wires().get(number).cloned()
    }
}

impl Connector for Server {
    type Connection = Near;

    async fn connect(&self, _: &Attempt) -> Result<Near, ConnectError> {
        let wire = Wire::default();
        self.0.lock().expect("no panic").push(wire.clone());
        Ok(Near(wire))
    }
}
