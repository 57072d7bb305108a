//! Tunnels through HTTP proxies: `CONNECT` (RFC 9110 section 9.3.6).

use std::io;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::Credentials;
use crate::api::address::Address;
use crate::api::authority::Bracketed;

/// Bytes that a proxy may send before the tunnel begins: room for any number of headers, and for
/// interim answers (1xx).
const MOST_BYTES: usize = 64 * 1024;

/// Sends `CONNECT` for `target`, and reads the answer.
pub(super) async fn open(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
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

/// Reads the head of an answer, which an empty line ends. A line may end without CR (RFC 9112,
/// section 2.2).
///
/// The bytes after it are the host's, so it reads one byte at a time.
async fn read_head(stream: &mut (impl AsyncRead + Unpin), allowed: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\n\n") && !head.ends_with(b"\n\r\n") {
        if head.len() == allowed {
            let error = format!("the proxy's answer has no end within {MOST_BYTES} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        let [byte] = super::read(stream).await?;
        head.push(byte);
    }
    Ok(head)
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

    #[cfg(not(any(keepalive_loom, keepalive_shuttle)))]
    #[tokio::test]
    async fn the_end_is_found_wherever_the_head_is_cut() {
        use tokio::io::AsyncReadExt;
        for head in [
            "HTTP/1.1 200 OK\r\nA: b\r\n\r\n",
            "HTTP/1.1 200 OK\nA: b\n\n",
            "HTTP/1.1 200 OK\r\nA: b\n\r\n",
            "HTTP/1.1 200 OK\nA: b\r\n\n",
            "HTTP/1.1 200\n\n",
        ] {
            let whole = [head.as_bytes(), b"\r\nhost"].concat();
            for cut in 0..head.len() {
                let (before, after) = whole.split_at(cut);
                let mut stream = before.chain(after);
                let read = read_head(&mut stream, head.len()).await;
                assert_eq!(read.expect("a head"), head.as_bytes(), "cut at {cut}");
                let mut left = Vec::new();
                stream.read_to_end(&mut left).await.expect("the rest");
                assert_eq!(left, b"\r\nhost", "{head:?} cut at {cut}");
                let error = read_head(&mut &*before, head.len()).await.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{head:?}");
            }
            let error = read_head(&mut &*whole, head.len() - 1).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{head:?}");
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
