//! Tunnels through HTTP proxies: `CONNECT` (RFC 9110 section 9.3.6).

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Credentials;
use crate::api::address::Address;
use crate::api::authority::Bracketed;
use crate::connect::wire::Wire;

/// Bytes that a proxy may send before the tunnel begins: room for any number of headers, and for
/// interim answers (1xx).
const MOST_BYTES: usize = 64 * 1024;

/// Sends `CONNECT` for `target`, and reads the answer.
pub(super) async fn open(
    stream: &mut Wire,
    target: &Address,
    port: u16,
    credentials: Option<&Credentials>,
) -> io::Result<()> {
    let target = format!("{}:{port}", Bracketed(target));
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some(credentials) = credentials {
        request += &format!("Proxy-Authorization: {}\r\n", credentials.basic());
    }
    request += "\r\n";
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut allowed = MOST_BYTES;
    loop {
        let head = read_head(stream, allowed).await?;
        allowed -= head.len();
        match status(&head)? {
            (100..=199, _) => {}
            // The answer has no body, whatever its header says (RFC 9110, section 9.3.6).
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

/// Reads the head of an answer, and none of the bytes after it, which are the host's.
async fn read_head(stream: &mut Wire, allowed: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        let seen = stream.peek(&mut chunk).await?;
        if seen == 0 {
            let error = "the proxy closed the connection before it had answered";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, error));
        }
        let end = end_of_head(&head, &chunk[..seen]);
        let taken = end.unwrap_or(seen);
        stream.read_exact(&mut chunk[..taken]).await?;
        head.extend_from_slice(&chunk[..taken]);
        if head.len() > allowed {
            let error = format!("the proxy's answer has no end within {MOST_BYTES} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        if end.is_some() {
            return Ok(head);
        }
    }
}

/// The number of bytes in `seen` up to and including the empty line that ends the head; `None` if
/// the end is not among them. `head` has the bytes before. A line may end without CR (RFC 9112,
/// section 2.2).
fn end_of_head(head: &[u8], seen: &[u8]) -> Option<usize> {
    let overlap = &head[head.len().saturating_sub("\n\r".len())..];
    let both = [overlap, seen].concat();
    let ends = |&at: &usize| both[..at].ends_with(b"\n\n") || both[..at].ends_with(b"\n\r\n");
    let end = (overlap.len() + 1..=both.len()).find(ends)?;
    Some(end - overlap.len())
}

/// The status and its reason phrase. A tunnel needs none of the headers.
fn status(head: &[u8]) -> io::Result<(u16, String)> {
    let line = head.split_inclusive(|&byte| byte == b'\n').next();
    let line = [line.unwrap_or_default(), b"\r\n"].concat();
    let mut answer = httparse::Response::new(&mut []);
    answer
        .parse(&line)
        .map_err(|error| invalid(&error.to_string()))?;
    let (Some(code), Some(reason)) = (answer.code, answer.reason) else {
        return Err(invalid("it has no status"));
    };
    let reason = reason.chars().filter(|sign| !sign.is_control());
    Ok((code, reason.take(100).collect()))
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
        for head in [
            "HTTP/1.1 200 OK\r\nA: b\r\n\r\n",
            "HTTP/1.1 200 OK\nA: b\n\n",
            "HTTP/1.1 200 OK\r\nA: b\n\r\n",
            "HTTP/1.1 200 OK\nA: b\r\n\n",
            "HTTP/1.1 200\n\n",
        ] {
            let whole = [head.as_bytes(), b"\r\nhost"].concat();
            for cut in 0..head.len() {
                let (head, seen) = whole.split_at(cut);
                let end = Some(whole.len() - "\r\nhost".len() - cut);
                assert_eq!(end_of_head(head, seen), end, "{whole:?} cut at {cut}");
                assert_eq!(end_of_head(&[], head), None, "{whole:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_status_is_read_and_nothing_else_taken_for_one() {
        assert_eq!(status(b"HTTP/1.0 200 \r\n\r\n").expect("a status").0, 200);
        let (code, reason) = status(b"HTTP/1.1 403 Not here\r\n\r\n").expect("a status");
        assert_eq!((code, &*reason), (403, "Not here"));
        let line = status(b"HTTP/1.1 200 OK\nno header\n\n").expect("a status");
        assert_eq!(line, (200, "OK".to_owned()));
        for wrong in ["SSH-2.0-x\r\n\r\n", "HTTP/1.1 20\r\n\r\n", "\r\n\r\n"] {
            let error = status(wrong.as_bytes()).expect_err(wrong);
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{wrong:?}");
        }
    }
}
