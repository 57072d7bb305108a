//! Finds the end of a response, for a proxy that passes it on.

/// The protocol through a proxy: requests and responses in turn, never two requests at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// A response is a line.
    Line,
    /// Responses as the echo server gives them: of known length, or in chunks, and none to `HEAD`.
    Http,
    /// Lines, in TLS. The end of a response cannot be seen there, so each piece counts as one, even
    /// in the handshake.
    Sealed,
}

/// Follows one response.
#[derive(Default)]
pub(super) struct Response {
    /// Bytes seen before.
    pub(super) seen: usize,
    head: Vec<u8>,
    body: Body,
}

#[derive(Default)]
enum Body {
    #[default]
    NotYet,
    Known(usize),
    Chunked(Vec<u8>),
}

impl Response {
    /// Reads more bytes. Returns how many of them belong to the response, and whether it ends
    /// there.
    pub(super) fn feed(&mut self, protocol: Protocol, bytes: &[u8]) -> (usize, bool) {
        let end = match protocol {
            Protocol::Line => bytes
                .iter()
                .position(|&byte| byte == b'\n')
                .map(|at| at + 1),
            Protocol::Http => bytes
                .iter()
                .position(|&byte| self.ends_with(byte))
                .map(|at| at + 1),
            Protocol::Sealed => Some(bytes.len()),
        };
        let length = end.unwrap_or(bytes.len());
        self.seen += length;
        (length, end.is_some())
    }

    fn ends_with(&mut self, byte: u8) -> bool {
        match &mut self.body {
            Body::NotYet => {
                self.head.push(byte);
                if !self.head.ends_with(b"\r\n\r\n") {
                    return false;
                }
                self.body = body(&self.head);
                matches!(self.body, Body::Known(0))
            }
            Body::Known(left) => {
                *left -= 1;
                *left == 0
            }
            Body::Chunked(tail) => {
                tail.push(byte);
                tail.ends_with(LAST_CHUNK)
            }
        }
    }
}

const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

fn body(head: &[u8]) -> Body {
    let head = String::from_utf8_lossy(head);
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    match length {
        Some(length) => Body::Known(length.parse().expect("our own server's")),
        None => Body::Chunked(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes of `text` the first response has, in whatever pieces they arrive.
    fn length(protocol: Protocol, text: &str) -> usize {
        let lengths = (1..=text.len()).map(|size| {
            let mut response = Response::default();
            for piece in text.as_bytes().chunks(size) {
                if response.feed(protocol, piece).1 {
                    break;
                }
            }
            response.seen
        });
        let lengths: Vec<_> = lengths.collect();
        assert!(
            lengths.iter().all(|length| *length == lengths[0]),
            "{lengths:?}"
        );
        lengths[0]
    }

    #[test]
    fn a_line_ends_with_its_newline() {
        assert_eq!(length(Protocol::Line, "one\ntwo\n"), 4);
    }

    #[test]
    fn a_body_ends_with_its_length_or_its_last_chunk() {
        let known = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n";
        assert_eq!(
            length(Protocol::Http, &format!("{known}abcd")),
            known.len() + 3
        );
        let none = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(length(Protocol::Http, &format!("{none}d")), none.len());
        let chunked = "HTTP/1.1 200 OK\r\n\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n";
        assert_eq!(
            length(Protocol::Http, &format!("{chunked}d")),
            chunked.len()
        );
    }
}
