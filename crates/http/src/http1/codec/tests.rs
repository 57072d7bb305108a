//! The codec on transports that take their time.

use std::pin::Pin;
use std::task::Waker;

use tokio::io::ReadBuf;

use super::*;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nanswer";

/// A peer that answers what has left the transport, which takes a few bytes at a time and has to be
/// flushed, each time after a pause.
#[derive(Default)]
struct Slow {
    taken: Vec<u8>,
    left: Vec<u8>,
    pauses: usize,
    /// Answers after this many bytes, and takes no more.
    enough: Option<usize>,
    answer: Vec<u8>,
    answered: bool,
}

impl Slow {
    fn pause<R>(&mut self) -> Poll<R> {
        self.pauses += 1;
        Poll::Pending
    }
}

impl AsyncRead for Slow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let is_asked = match self.enough {
            Some(enough) => self.taken.len() >= enough,
            None => self.left.ends_with(b"body"),
        };
        if is_asked && !self.answered {
            self.answered = true;
            self.answer = ANSWER.to_vec();
        }
        if self.answer.is_empty() {
            return Poll::Pending;
        }
        let count = self.answer.len().min(buffer.remaining()).min(40);
        buffer.put_slice(&self.answer[..count]);
        self.answer.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Slow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.enough.is_some_and(|enough| self.taken.len() >= enough) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if self.pauses.is_multiple_of(2) {
            return self.pause();
        }
        self.pauses += 1;
        let count = bytes.len().min(5);
        self.taken.extend(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.pauses.is_multiple_of(2) {
            return self.pause();
        }
        self.left = self.taken.clone();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// An exchange; returns the body, and whether the connection takes another.
fn exchange(slow: Slow) -> (Vec<u8>, bool) {
    let mut io = Shared::new(slow);
    let (mut codec, limits) = (Codec::default(), HeadLimits::default());
    let request = b"PUT / HTTP/1.1\r\ncontent-length: 4\r\n\r\nbody";
    assert!(codec.begin(|output, _| {
        output.extend(request);
        true
    }));
    let mut cx = Context::from_waker(Waker::noop());
    let response = (0..100).find_map(|_| match codec.poll_head(&mut cx, &mut io, false, limits) {
        Poll::Ready(response) => Some(response.expect("an answer")),
        Poll::Pending => None,
    });
    let mut framing = response.expect("it is sent in a hundred turns").into_body();
    let mut body = Vec::new();
    while let Poll::Ready(Some(frame)) = codec.poll_frame(&mut cx, &mut io, &mut framing, limits) {
        body.extend(frame.expect("a body").into_data().expect("no trailers"));
    }
    (
        body,
        codec.poll_ready(&mut cx, &mut io) == Poll::Ready(true),
    )
}

#[test]
fn a_request_leaves_a_transport_that_has_to_be_flushed() {
    assert_eq!(exchange(Slow::default()), (b"answer".to_vec(), true));
}

#[test]
fn an_answer_to_half_a_request_is_read_and_ends_the_connection() {
    let slow = Slow {
        enough: Some(20),
        ..Slow::default()
    };
    assert_eq!(exchange(slow), (b"answer".to_vec(), false));
}
