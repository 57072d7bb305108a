//! Reads the same bytes by the codec and by hyper alone. Both must find the same response, and the
//! codec may keep the connection only if hyper has left no byte unread.
//!
//! More cases: `KEEPALIVE_CODEC_CASES=100000000 cargo test --release -p keepalive-http --lib
//! beside_hyper -- --nocapture`. A folder of files that begin with a response, such as the corpus of
//! another parser, is read with `KEEPALIVE_CODEC_CORPUS`.

use std::env;
use std::fs;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use http::{HeaderMap, Method, Request, StatusCode, Version};
use http_body::{Body, Frame};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use keepalive_testkit::dice::Dice;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Codec, Framing};
use crate::head::HeadLimits;
use crate::http1::heads::Heads;
use crate::io::Shared;

/// What a peer sends, in pieces.
struct Script<'a> {
    method: Method,
    bytes: &'a [u8],
    cuts: [usize; 2],
    /// Whether it closes after that.
    ends: bool,
}

#[derive(Debug, PartialEq)]
struct Heard {
    head: Head,
    data: Vec<u8>,
    trailers: Option<HeaderMap>,
    end: End,
    /// Whether the connection takes another request.
    is_reusable: bool,
}

#[derive(Debug, PartialEq)]
enum Head {
    Refused,
    Awaited,
    Read(StatusCode, Version, HeaderMap, Option<Vec<u8>>),
}

#[derive(Debug, PartialEq)]
enum End {
    Whole,
    Broken,
    Awaited,
}

impl Heard {
    fn none(head: Head) -> Self {
        Self {
            head,
            data: Vec::new(),
            trailers: None,
            end: End::Awaited,
            is_reusable: false,
        }
    }

    /// Takes a frame; returns false at the end.
    fn take<E>(&mut self, frame: Poll<Option<Result<Frame<Bytes>, E>>>) -> bool {
        self.end = match frame {
            Poll::Pending => End::Awaited,
            Poll::Ready(None) => End::Whole,
            Poll::Ready(Some(Err(_))) => End::Broken,
            Poll::Ready(Some(Ok(frame))) => {
                match frame.into_data() {
                    Ok(data) => self.data.extend(data),
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                }
                return true;
            }
        };
        false
    }
}

/// The client's end of a connection in memory.
struct Wire {
    pieces: Vec<Vec<u8>>,
    ends: bool,
    unread: Arc<AtomicUsize>,
}

impl Wire {
    fn new(script: &Script<'_>, cuts: [usize; 2]) -> Self {
        let (first, rest) = script.bytes.split_at(cuts[0]);
        let (second, third) = rest.split_at(cuts[1] - cuts[0]);
        let pieces = [third, second, first].map(<[u8]>::to_vec);
        Self {
            pieces: pieces
                .into_iter()
                .filter(|piece| !piece.is_empty())
                .collect(),
            ends: script.ends,
            unread: Arc::new(AtomicUsize::new(script.bytes.len())),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(piece) = self.pieces.last_mut() else {
            return match self.ends {
                true => Poll::Ready(Ok(())),
                false => Poll::Pending,
            };
        };
        let count = piece.len().min(buffer.remaining());
        buffer.put_slice(&piece[..count]);
        piece.drain(..count);
        if piece.is_empty() {
            self.pieces.pop();
        }
        self.unread.fetch_sub(count, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The codec, which receives the bytes in pieces.
fn codec(script: &Script<'_>) -> Heard {
    let limits = HeadLimits::default();
    let wire = Wire::new(script, script.cuts);
    let unread = Arc::clone(&wire.unread);
    let mut io = Shared::new(wire);
    io.inspect(Heads::new(limits));
    io.begin(None);
    let mut codec = Codec::default();
    assert!(codec.begin(|output, _| {
        output.extend(b"GET / HTTP/1.1\r\n\r\n");
        true
    }));
    // A pause between interim responses wakes at once.
    let again = Arc::new(Again::default());
    let waker = Waker::from(Arc::clone(&again));
    let mut cx = Context::from_waker(&waker);
    let is_head = script.method == Method::HEAD;
    let head = again.poll(|| codec.poll_head(&mut cx, &mut io, is_head, limits));
    let response = match head {
        Poll::Pending => return Heard::none(Head::Awaited),
        Poll::Ready(Err(_)) => return Heard::none(Head::Refused),
        Poll::Ready(Ok(response)) => response,
    };
    let (mut head, mut body) = response.into_parts();
    io.complete(&mut head.headers);
    let reason = head.extensions.get::<hyper::ext::ReasonPhrase>();
    let reason = reason.map(|reason| reason.as_bytes().to_vec());
    let mut heard = Heard::none(Head::Read(head.status, head.version, head.headers, reason));
    loop {
        if body.is_ended() && !matches!(body, Framing::Chunks(_)) {
            heard.end = End::Whole;
            break;
        }
        let frame = again.poll(|| codec.poll_frame(&mut cx, &mut io, &mut body, limits));
        if !heard.take(frame) {
            break;
        }
    }
    let is_ready = codec.poll_ready(&mut cx, &mut io) == Poll::Ready(true);
    // The idle connection is watched, and asked about before its next use.
    let is_sound = unread.load(Ordering::Relaxed) == 0 && !script.ends;
    heard.is_reusable = heard.end == End::Whole && is_ready && is_sound;
    heard
}

/// hyper alone, which receives them in one piece.
fn hyper(script: &Script<'_>) -> Heard {
    let mut wire = Wire::new(script, [0, 0]);
    // hyper takes what comes before its request for a mistake.
    let pieces = std::mem::take(&mut wire.pieces);
    let ends = std::mem::take(&mut wire.ends);
    let io = Shared::new(wire);
    let mut builder = http1::Builder::new();
    builder
        .allow_obsolete_multiline_headers_in_responses(true)
        .max_headers(1000);
    let again = Arc::new(Again::default());
    let waker = Waker::from(Arc::clone(&again));
    let mut cx = Context::from_waker(&waker);
    let mut begun = Box::pin(builder.handshake(TokioIo::new(io.clone())));
    let Poll::Ready(Ok((mut sender, connection))) = begun.as_mut().poll(&mut cx) else {
        panic!("a handshake takes no time");
    };
    let mut connection = Box::pin(connection.with_upgrades());
    let request = Request::builder().method(&script.method).uri("/");
    let request = request.body(Empty::<Bytes>::new()).expect("a request");
    let mut answer = Box::pin(sender.send_request(request));
    let mut ended = connection.as_mut().poll(&mut cx).is_ready();
    io.with(|wire| (wire.pieces, wire.ends) = (pieces, ends));
    let mut drive = |cx: &mut Context<'_>| {
        for _ in 0..MOST_TURNS {
            again.take();
            ended = ended || connection.as_mut().poll(cx).is_ready();
            if ended || !again.is_set() {
                break;
            }
        }
    };
    drive(&mut cx);
    let response = match answer.as_mut().poll(&mut cx) {
        Poll::Pending => return Heard::none(Head::Awaited),
        Poll::Ready(Err(_)) => return Heard::none(Head::Refused),
        Poll::Ready(Ok(response)) => response,
    };
    let (head, mut body) = response.into_parts();
    let reason = head.extensions.get::<hyper::ext::ReasonPhrase>();
    let reason = reason.map(|reason| reason.as_bytes().to_vec());
    let mut heard = Heard::none(Head::Read(head.status, head.version, head.headers, reason));
    if body.is_end_stream() {
        heard.end = End::Whole;
    } else {
        loop {
            let mut frame = Pin::new(&mut body).poll_frame(&mut cx);
            if frame.is_pending() {
                drive(&mut cx);
                frame = Pin::new(&mut body).poll_frame(&mut cx);
            }
            if !heard.take(frame) {
                break;
            }
        }
    }
    drive(&mut cx);
    drop(answer);
    let is_ready = sender.is_ready() && head.status != StatusCode::SWITCHING_PROTOCOLS;
    heard.is_reusable = heard.end == End::Whole && is_ready && !script.ends;
    heard
}

/// More polls than any exchange takes.
const MOST_TURNS: usize = 100_000;

/// Remembers a wake.
#[derive(Default)]
struct Again(AtomicUsize);

impl Again {
    fn take(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// Polls until that is ready, or waits for nothing that has happened.
    fn poll<R>(&self, mut poll: impl FnMut() -> Poll<R>) -> Poll<R> {
        for _ in 0..MOST_TURNS {
            self.take();
            let polled = poll();
            if polled.is_ready() || !self.is_set() {
                return polled;
            }
        }
        Poll::Pending
    }
}

impl Wake for Again {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Reads a script twice, and compares. Returns whether the response was read to its end.
fn compare(script: &Script<'_>) -> bool {
    let (mut ours, mut hypers) = (codec(script), hyper(script));
    let is_ambiguous = match &ours.head {
        Head::Read(_, _, headers, _) => {
            headers.contains_key("transfer-encoding") && headers.contains_key("content-length")
        }
        _ => false,
    };
    if is_ambiguous && !ours.is_reusable {
        hypers.is_reusable = false;
    }
    // hyper reads a head in pieces only once its end has arrived, which may never happen. The
    // codec's head was then refused by a part of it.
    let refused_early = ours.head == Head::Refused && hypers.head == Head::Awaited;
    let awaited = ours.head == Head::Awaited && hypers.head == Head::Refused && !script.ends;
    if refused_early || awaited {
        return false;
    }
    // Of a broken body, either may have handed out more before the break.
    if ours.end == End::Broken && hypers.end == End::Broken {
        let shared = ours.data.len().min(hypers.data.len());
        ours.data.truncate(shared);
        hypers.data.truncate(shared);
        (ours.trailers, hypers.trailers) = (None, None);
    }
    assert_eq!(
        ours,
        hypers,
        "{} cut at {:?}, {}: {:?}",
        script.method,
        script.cuts,
        if script.ends { "then closed" } else { "open" },
        String::from_utf8_lossy(script.bytes)
    );
    ours.end == End::Whole
}

/// A response, which may make sense.
fn response(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = Vec::new();
    while dice.below(8) == 0 {
        let interim: [&[u8]; 3] = [
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
            b"HTTP/1.1 102\r\ncontent-length: 7\r\n\r\n",
        ];
        bytes.extend(interim[dice.below(3)]);
    }
    let line = usual(dice, "HTTP/1.1 200 OK", &STATUS_LINES);
    bytes.extend(line.as_bytes());
    end_line(dice, &mut bytes);
    let body = body(dice);
    let mut fields = Vec::new();
    for _ in 0..dice.below(4) {
        let other = OTHERS[dice.below(OTHERS.len())].to_owned();
        fields.push(other);
    }
    if dice.below(8) > 0 {
        fields.push(body.0.clone());
    }
    if dice.below(6) == 0 {
        fields.push(FRAMINGS[dice.below(FRAMINGS.len())].to_owned());
    }
    let turn = dice.below(fields.len().max(1));
    fields.rotate_left(turn);
    for field in fields {
        bytes.extend(field.as_bytes());
        end_line(dice, &mut bytes);
    }
    end_line(dice, &mut bytes);
    bytes.extend(&body.1);
    if dice.below(12) == 0 {
        bytes.extend(b"HTTP/1.1 200 OK\r\n");
    }
    if dice.below(3) == 0 {
        for _ in 0..=dice.below(3) {
            mutate(dice, &mut bytes);
        }
    }
    bytes
}

/// The framing of a body, and its bytes.
fn body(dice: &mut Dice) -> (String, Vec<u8>) {
    let data = b"0123456789abcdef\r\n0\r\n\r\nHTTP/1.1"[..dice.below(32)].to_vec();
    match dice.below(4) {
        0 => (format!("Content-Length: {}", data.len()), data),
        1 => ("connection: close".to_owned(), data),
        _ => {
            let mut chunks = Vec::new();
            let mut rest = &data[..];
            while !rest.is_empty() {
                let (chunk, after) = rest.split_at(1 + dice.below(rest.len()));
                let size = format!("{:x}", chunk.len());
                let size = usual(dice, &size, &SIZES);
                let extension = usual(dice, "", &EXTENSIONS);
                chunks.extend(format!("{size}{extension}").as_bytes());
                end_line(dice, &mut chunks);
                chunks.extend(chunk);
                end_line(dice, &mut chunks);
                rest = after;
            }
            chunks.extend(usual(dice, "0", &["00", "0000", "0;a", "", "0 "]).as_bytes());
            end_line(dice, &mut chunks);
            while dice.below(6) == 0 {
                chunks.extend(usual(dice, "a: b", &OTHERS).as_bytes());
                end_line(dice, &mut chunks);
            }
            end_line(dice, &mut chunks);
            ("Transfer-Encoding: chunked".to_owned(), chunks)
        }
    }
}

fn usual<'a>(dice: &mut Dice, usual: &'a str, others: &[&'a str]) -> &'a str {
    match dice.below(10) {
        0 => others[dice.below(others.len())],
        _ => usual,
    }
}

fn end_line(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let others: [&[u8]; 6] = [b"\n", b"\r", b"\r\r\n", b" \r\n", b"\r\n ", b""];
    bytes.extend(match dice.below(60) {
        0 => others[dice.below(others.len())],
        _ => b"\r\n",
    });
}

fn mutate(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let at = dice.below(bytes.len().max(1));
    if bytes.is_empty() {
        return;
    }
    match dice.below(6) {
        0 => bytes[at] = dice.roll() as u8,
        1 => bytes[at] = b"\r\n \t:;,0\x00\x80"[dice.below(10)],
        2 => drop(bytes.remove(at)),
        3 => bytes.insert(at, b"\r\n \t:;,0\x00\x80"[dice.below(10)]),
        4 => bytes.truncate(at),
        _ => {
            let end = at + dice.below(bytes.len() - at).min(24);
            let copy = bytes[at..end].to_vec();
            let to = dice.below(bytes.len());
            bytes.splice(to..to, copy);
        }
    }
}

const STATUS_LINES: [&str; 16] = [
    "HTTP/1.0 200 OK",
    "HTTP/1.1 204 No Content",
    "HTTP/1.1 304 Not Modified",
    "HTTP/1.1 101 Switching Protocols",
    "HTTP/1.1 200",
    "HTTP/1.1 200 ",
    "HTTP/1.1 299 Own \tWords",
    "HTTP/1.1 099 Low",
    "HTTP/1.1 999 High",
    "HTTP/1.1 1000 Long",
    "HTTP/2.0 200 OK",
    "http/1.1 200 OK",
    "HTTP/1.1  200 OK",
    "\r\nHTTP/1.1 200 OK",
    "HTTP/1.1 205 Reset Content",
    "HTTP/1.1 200 \u{fc}ber",
];

const OTHERS: [&str; 24] = [
    "Server: x",
    "Connection: close",
    "Connection: keep-alive",
    "connection: Keep-Alive, close",
    "connection: upgrade",
    "Keep-Alive: timeout=5",
    "Folded: a\r\n b",
    "Folded: a\r\n\tb\r\n c",
    " Leading: x",
    "Space : x",
    "Empty:",
    "Many:   spaces   ",
    "No colon",
    ": no name",
    "Text: \u{fc}\u{20ac}",
    "Control: a\u{1}b",
    "Set-Cookie: a=b",
    "Set-Cookie: c=d",
    "Trailer: a",
    "Upgrade: websocket",
    "Content-Encoding: gzip",
    "Age: 5",
    "Date: Sun, 29 Nov 2026 10:00:00 GMT",
    "Warning: \u{7f}",
];

const FRAMINGS: [&str; 28] = [
    "Content-Length: 5",
    "Content-Length: 0",
    "Content-Length: +5",
    "Content-Length: -5",
    "Content-Length: 5, 5",
    "Content-Length: 5, 6",
    "Content-Length: 5,",
    "Content-Length: ",
    "Content-Length: 0x5",
    "Content-Length: 5 5",
    "Content-Length: 00005",
    "Content-Length: 18446744073709551615",
    "Content-Length: 18446744073709551616",
    "Content-Length\t: 5",
    "Content-Length: five",
    "Content_Length: 5",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, gzip",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: Chunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding: chunked;a=b",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding: ,chunked",
    "Transfer-Encoding: chunked,",
];

const SIZES: [&str; 12] = [
    "",
    "0x1",
    "-1",
    "+1",
    " 1",
    "1 ",
    "1\t",
    "g",
    "01",
    "ffffffffffffffff",
    "10000000000000000",
    "1 1",
];

const EXTENSIONS: [&str; 6] = [";a=b", ";", " ;a", ";a=\"b\"", "\t", ";\n"];

fn script<'a>(dice: &mut Dice, bytes: &'a [u8]) -> Script<'a> {
    let mut cuts = [0; 2].map(|_| match dice.below(2) {
        0 => bytes.len(),
        _ => dice.below(bytes.len() + 1),
    });
    cuts.sort_unstable();
    Script {
        method: match dice.below(8) {
            0 => Method::HEAD,
            _ => Method::GET,
        },
        bytes,
        cuts,
        ends: dice.below(2) == 0,
    }
}

#[test]
fn the_codec_reads_what_hyper_reads() {
    let cases: u64 = env::var("KEEPALIVE_CODEC_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(30_000);
    let seed = env::var("KEEPALIVE_CODEC_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(0);
    let threads = 2;
    let whole: u64 = std::thread::scope(|scope| {
        let tasks: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || random(seed, thread, threads, cases)))
            .collect();
        tasks
            .into_iter()
            .map(|task| task.join().expect("no panic"))
            .sum()
    });
    println!("{cases} responses from seed {seed}, of which {whole} were whole");
    assert!(whole > cases / 4, "the responses make too little sense");
}

fn random(seed: u64, thread: u64, threads: u64, cases: u64) -> u64 {
    let numbers = (seed..seed + cases)
        .skip(thread as usize)
        .step_by(threads as usize);
    let whole = numbers.filter(|&number| {
        let mut dice = Dice(number);
        let bytes = response(&mut dice);
        compare(&script(&mut dice, &bytes))
    });
    whole.count() as u64
}

#[test]
fn the_codec_reads_a_corpus_as_hyper_does() {
    let Some(folder) = env::var_os("KEEPALIVE_CODEC_CORPUS") else {
        return;
    };
    let (mut files, mut whole) = (0, 0);
    for entry in fs::read_dir(Path::new(&folder)).expect("a folder") {
        let bytes = fs::read(entry.expect("a file").path()).expect("a file");
        for number in 0..200 {
            let mut dice = Dice(number);
            let mut bytes = bytes.clone();
            for _ in 0..number / 20 {
                mutate(&mut dice, &mut bytes);
            }
            whole += usize::from(compare(&script(&mut dice, &bytes)));
        }
        files += 1;
    }
    println!("{files} files, {whole} responses were whole");
    assert!(files > 0, "an empty folder");
}
