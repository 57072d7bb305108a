//! A transport in memory, and the server at its other end.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use keepalive::{Attempt, ConnectError, Connection, Connector, Unusable};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Answers each request by what its path says, a few bytes at a time.
#[derive(Clone, Default)]
pub(crate) struct Server {
    pub(crate) open: Arc<AtomicUsize>,
    pub(crate) opened: Arc<AtomicUsize>,
}

impl Connector for Server {
    type Connection = Pipe;

    async fn connect(&self, _attempt: &Attempt) -> Result<Pipe, ConnectError> {
        self.open.fetch_add(1, SeqCst);
        self.opened.fetch_add(1, SeqCst);
        Ok(Pipe {
            open: Arc::clone(&self.open),
            line: Arc::default(),
        })
    }
}

/// One connection.
pub(crate) struct Pipe {
    open: Arc<AtomicUsize>,
    line: Arc<Mutex<Line>>,
}

#[derive(Default)]
struct Line {
    asked: Vec<u8>,
    answers: VecDeque<u8>,
    /// The server has closed.
    closed: bool,
    /// The request that is arriving has its answer already.
    answered: bool,
    reader: Option<Waker>,
    turns: usize,
}

/// The most bytes that the server sends in one go.
const SLICE: usize = 7;

impl Line {
    /// Answers the next request if it has arrived, or as much of it as the answer needs.
    fn serve(&mut self) {
        let Some(end) = self.asked.windows(4).position(|end| end == b"\r\n\r\n") else {
            return;
        };
        let (head, body) = self.asked.split_at(end + 4);
        let head = String::from_utf8_lossy(head).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default();
        let early = path.starts_with("/early");
        let told = told(&head, body);
        if early && !self.answered {
            self.answered = true;
            self.answer(path, "");
        }
        let Some((told, length)) = told else { return };
        self.asked.drain(..end + 4 + length);
        if !early {
            self.answer(path, &told);
        }
        self.answered = false;
    }

    fn answer(&mut self, path: &str, told: &str) {
        let body = crate::answer(path, told);
        let length = body.len();
        let ok = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}");
        let answer = match path.split('/').nth(1) {
            Some("length" | "early") => format!("{ok}\r\n\r\n{body}"),
            Some("chunked") => format!(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
            ),
            Some("empty") => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            Some("extra") => format!("{ok}\r\n\r\n{body}HTTP/1.1 200 OK"),
            Some("close") => format!("{ok}\r\nconnection: close\r\n\r\n{body}"),
            _ => format!("HTTP/1.1 200 OK\r\n\r\n{body}"),
        };
        self.closed |= path.starts_with("/close") || path.starts_with("/until");
        self.answers.extend(answer.bytes());
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// The body of a request and its length as sent; `None` if it has not arrived yet.
fn told(head: &str, body: &[u8]) -> Option<(String, usize)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if let Some((_, rest)) = head.split_once("content-length: ") {
        let length = rest.split('\r').next()?.parse().expect("a length");
        return Some((text(body.get(..length)?), length));
    }
    if !head.contains("transfer-encoding: chunked") {
        return Some((String::new(), 0));
    }
    let (mut told, mut at) = (String::new(), 0);
    loop {
        let line = body[at..].windows(2).position(|end| end == b"\r\n")?;
        let size = text(&body[at..at + line]);
        let size = usize::from_str_radix(&size, 16).expect("the size of a chunk");
        at += line + 2;
        let chunk = body.get(at..at + size + 2)?;
        told.push_str(&text(&chunk[..size]));
        at += size + 2;
        if size == 0 {
            return Some((told, at));
        }
    }
}

impl Pipe {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut line = self.line();
        if line.answers.is_empty() {
            if line.closed {
                return Poll::Ready(Ok(()));
            }
            line.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        line.turns += 1;
        if line.turns % 2 == 1 {
            // One turn of the event loop lies between any two slices.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let slice = SLICE.min(line.answers.len()).min(buffer.remaining());
        let bytes: Vec<u8> = line.answers.drain(..slice).collect();
        buffer.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut line = self.line();
        let slice = bytes.len().min(5 * SLICE);
        line.asked.extend_from_slice(&bytes[..slice]);
        line.serve();
        Poll::Ready(Ok(slice))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Connection for Pipe {
    fn poll_unusable(&mut self, context: &mut Context<'_>) -> Poll<Unusable> {
        self.line().reader = Some(context.waker().clone());
        self.check().map_or_else(Poll::Ready, |()| Poll::Pending)
    }

    fn check(&mut self) -> Result<(), Unusable> {
        let line = self.line();
        match (line.answers.is_empty(), line.closed) {
            (false, _) => Err(Unusable::UnexpectedData),
            (true, true) => Err(Unusable::Closed),
            (true, false) => Ok(()),
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.open.fetch_sub(1, SeqCst);
    }
}
