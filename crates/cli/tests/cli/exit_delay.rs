//! No peer delays the exit of the process after its last result.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keepalive::rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::program::command;
use crate::server::on_each_connection;
use crate::tls_files::{Authority, Files, config};

/// The promised bound.
const SOON: Duration = Duration::from_millis(100);

/// More data than an unread socket takes.
const LARGE: usize = 32 * 1024 * 1024;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// SETTINGS, an acknowledgement of the client's, and HEADERS with `:status 200` that end stream 1.
const HTTP2_ANSWER: &[u8] =
    b"\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0\0\0\x01\x01\x05\0\0\0\x01\x88";

/// The behaviour of a peer on a connection, before it keeps it open and reads nothing more.
type Peer = fn(TcpStream, Arc<ServerConfig>) -> io::Result<Held>;

/// The connections that the peer keeps open.
type Held = Box<dyn std::any::Any + Send>;

#[test]
fn no_peer_holds_up_the_end_of_a_fetch() {
    let files = Files::new();
    let body = files.write("body", vec![b'x'; LARGE]);
    let large = format!("-d @{body}");
    let with_tls = |flags: &str| format!("--insecure {flags}");
    for (name, peer, scheme, flags) in [
        ("answers and stays", answers as Peer, "http", String::new()),
        ("reads no body", answers, "http", large.clone()),
        ("stays by TLS", answers_by_tls, "https", with_tls("")),
        (
            "reads no body by TLS",
            answers_by_tls,
            "https",
            with_tls(&large),
        ),
        (
            "stays by HTTP/2",
            answers_by_http2,
            "http",
            "--http2".to_owned(),
        ),
        (
            "reads no body by HTTP/2",
            answers_by_http2,
            "http",
            format!("--http2 {large}"),
        ),
        (
            "never answers",
            is_silent,
            "http",
            "--timeout 200ms".to_owned(),
        ),
        (
            "never shakes hands",
            is_silent,
            "https",
            with_tls("--timeout 200ms"),
        ),
        (
            "never opens a tunnel",
            is_silent,
            "proxy",
            "--timeout 200ms".to_owned(),
        ),
    ] {
        let port = start(peer);
        let line = match scheme {
            "proxy" => format!("http://h.test/ --proxy http://127.0.0.1:{port}"),
            _ => format!("{scheme}://127.0.0.1:{port}/"),
        };
        let code = i32::from(flags.contains("--timeout"));
        is_gone_soon(name, &format!("fetch {line} --jsonl - {flags}"), code);
    }
}

#[test]
fn no_peer_holds_up_the_end_of_a_probe() {
    let port = start(shakes_hands);
    is_gone_soon(
        "stays",
        &format!("probe --insecure https://127.0.0.1:{port} --json"),
        0,
    );
}

/// A noisy machine delays some runs, but not all of them.
fn is_gone_soon(name: &str, line: &str, code: i32) {
    let mut quickest = Duration::MAX;
    for _ in 0..20 {
        let (ended, held_up) = time_after_the_last_line(line);
        assert_eq!(ended, Some(code), "{name}: {line}");
        quickest = quickest.min(held_up);
        if quickest < SOON {
            return;
        }
    }
    panic!("{name}: the quickest of all runs was gone after {quickest:?}: {line}");
}

/// The exit code, and how long it takes from the last line of standard output to the end.
fn time_after_the_last_line(line: &str) -> (Option<i32>, Duration) {
    let mut child = command(line)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut last = None;
    while stdout.read(&mut [0; 65536]).unwrap() > 0 {
        last = Some(Instant::now());
    }
    let status = child.wait().unwrap();
    (status.code(), last.expect("a result").elapsed())
}

fn start(peer: Peer) -> u16 {
    let identity = Authority::root("a root").issue_as("a peer", &["127.0.0.1"]);
    let config = Arc::new(config(&identity, None));
    on_each_connection(move |stream| peer(stream, Arc::clone(&config)).map(std::mem::forget))
}

fn is_silent(stream: TcpStream, _: Arc<ServerConfig>) -> io::Result<Held> {
    Ok(Box::new(stream))
}

fn answers(mut stream: TcpStream, _: Arc<ServerConfig>) -> io::Result<Held> {
    read_head(&mut stream)?;
    stream.write_all(ANSWER)?;
    Ok(Box::new(stream))
}

fn answers_by_tls(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<Held> {
    let session = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(session, stream);
    read_head(&mut stream)?;
    stream.write_all(ANSWER)?;
    Ok(Box::new(stream))
}

fn answers_by_http2(mut stream: TcpStream, _: Arc<ServerConfig>) -> io::Result<Held> {
    read_until(&mut stream, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
    // The head of the request follows SETTINGS and WINDOW_UPDATE.
    let mut kind = 0;
    while kind != 1 {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        kind = head[3];
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        stream.read_exact(&mut vec![0; length as usize])?;
    }
    stream.write_all(HTTP2_ANSWER)?;
    Ok(Box::new(stream))
}

fn shakes_hands(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<Held> {
    let session = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(session, stream);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(Box::new(stream))
}

fn read_head(stream: &mut impl Read) -> io::Result<()> {
    read_until(stream, b"\r\n\r\n")
}

/// Reads byte by byte, up to `end` and not beyond.
fn read_until(stream: &mut impl Read, end: &[u8]) -> io::Result<()> {
    let mut read = Vec::new();
    while !read.ends_with(end) {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        read.extend(byte);
    }
    Ok(())
}
