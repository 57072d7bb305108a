//! Tunnels through HTTP proxies: `CONNECT` (RFC 9110 section 9.3.6).

use std::io;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use keepalive_engine::planted;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Credentials, authority};
use crate::address::Address;

/// No answer of a proxy is longer than this before the tunnel begins.
const MOST_BYTES: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;

/// Asks the proxy to connect to `target`.
pub(super) async fn open(
    stream: &mut TcpStream,
    target: &Address,
    port: u16,
    credentials: Option<&Credentials>,
) -> io::Result<()> {
    let target = authority(target, port);
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some(Credentials { user, password }) = credentials {
        let encoded = BASE64_STANDARD.encode(format!("{user}:{password}"));
        request += &format!("Proxy-Authorization: Basic {encoded}\r\n");
    }
    request += "\r\n";
    stream.write_all(request.as_bytes()).await?;
    loop {
        match status(&read_head(stream).await?)? {
            (100..=199, _) => {}
            (200..=299, _) => return Ok(()),
            (407, reason) => {
                let wants = match credentials {
                    Some(_) => "did not take the credentials",
                    None => "wants credentials",
                };
                let error = format!("the proxy {wants}: 407 {reason}");
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, error));
            }
            (status, reason) => {
                let error = format!("the proxy opened no tunnel: {status} {reason}");
                return Err(io::Error::other(error.trim_end().to_owned()));
            }
        }
    }
}

/// Reads the head of an answer, and not a byte of what follows it: that is the host's.
async fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        let seen = stream.peek(&mut chunk).await?;
        if seen == 0 {
            let error = "the proxy closed the connection before it had answered";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, error));
        }
        let end = end_of_head(&head, &chunk[..seen]);
        let taken = end.filter(|_| !planted!(TunnelStartLost)).unwrap_or(seen);
        stream.read_exact(&mut chunk[..taken]).await?;
        head.extend_from_slice(&chunk[..taken]);
        if end.is_some() {
            return Ok(head);
        }
        if head.len() > MOST_BYTES {
            return Err(invalid("its head has no end"));
        }
    }
}

/// How many of the bytes that are `seen` after `head` belong to it, if its end is among them.
fn end_of_head(head: &[u8], seen: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    let overlap = &head[head.len().saturating_sub(END.len() - 1)..];
    let both = [overlap, seen].concat();
    let at = both.windows(END.len()).position(|window| window == END)?;
    Some(at + END.len() - overlap.len())
}

fn status(head: &[u8]) -> io::Result<(u16, String)> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    answer
        .parse(head)
        .map_err(|error| invalid(&error.to_string()))?;
    let (Some(code), Some(reason)) = (answer.code, answer.reason) else {
        return Err(invalid("it has no status"));
    };
    Ok((
        code,
        reason
            .chars()
            .filter(|sign| !sign.is_control())
            .take(100)
            .collect(),
    ))
}

fn invalid(fault: &str) -> io::Error {
    let error = format!("the proxy's answer is not HTTP/1.1: {fault}");
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_wherever_the_head_is_cut() {
        let whole = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nhost";
        let end = whole.len() - 4;
        for cut in 0..end {
            let (head, seen) = whole.split_at(cut);
            assert_eq!(end_of_head(head, seen), Some(end - cut), "cut at {cut}");
            assert_eq!(end_of_head(&[], head), None, "cut at {cut}");
        }
    }

    #[test]
    fn a_status_is_read_and_nothing_else_taken_for_one() {
        assert_eq!(status(b"HTTP/1.0 200 \r\n\r\n").expect("a status").0, 200);
        let (code, reason) = status(b"HTTP/1.1 403 Not here\r\n\r\n").expect("a status");
        assert_eq!((code, &*reason), (403, "Not here"));
        for wrong in ["SSH-2.0-x\r\n\r\n", "HTTP/1.1 20\r\n\r\n", "\r\n\r\n"] {
            let error = status(wrong.as_bytes()).expect_err(wrong);
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{wrong:?}");
        }
    }
}
