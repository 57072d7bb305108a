//! Bodies pass on their frames, lengths and ends, and whole ones can be sent twice.

use std::collections::VecDeque;
use std::io;
use std::task::Waker;

use http::HeaderMap;
use http_body_util::combinators::{BoxBody, UnsyncBoxBody};
use http_body_util::{BodyExt, BodyStream, Channel, Either, Empty, Limited, StreamBody};
use hyper::body::Buf;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

#[test]
fn a_body_that_is_there_as_a_whole_can_be_had_twice_and_one_in_pieces_once() {
    let text = Outgoing::new("text".to_owned());
    let bytes = || Full::new(Bytes::from_static(b"bytes"));
    let nothing = Outgoing::new(Empty::<Bytes>::new());
    for (body, length) in [(text, 4), (Outgoing::new(bytes()), 5), (nothing, 0)] {
        assert_eq!(body.length(), Some(length));
        let again = body.again().expect("a second");
        assert_eq!(again.length(), Some(length));
    }
    let pieces = Outgoing::new(bytes().map_frame(|frame| frame));
    assert!(pieces.again().is_none());
}

proptest! {
    #[test]
    fn frames_and_size_hints_of_a_body_are_passed_on(script in script()) {
        let whole = || Bytes::from(script.bytes());
        let scripted = || Scripted::new(&script, Bytes::from);
        let trailers = script.trailers.then(HeaderMap::new).map(Ok);
        let trailers = || std::future::ready(trailers.clone());

        passes_on(Empty::<Bytes>::new)?;
        passes_on(|| String::from_utf8_lossy(&whole()).into_owned())?;
        passes_on(|| Full::new(whole()))?;
        passes_on(|| Full::new(VecDeque::from(script.bytes())))?;
        passes_on(|| Full::new(whole()).with_trailers(trailers()))?;
        passes_on(|| BoxBody::new(Full::new(whole())))?;
        passes_on(|| UnsyncBoxBody::new(Full::new(whole())))?;
        passes_on(|| Either::<Full<Bytes>, Empty<Bytes>>::Left(Full::new(whole())))?;
        passes_on(|| Limited::new(Full::new(whole()), 20))?;
        passes_on(scripted)?;
        passes_on(|| Scripted::new(&script, VecDeque::from))?;
        passes_on(|| Scripted::new(&script, halves))?;
        passes_on(|| BoxBody::new(scripted()))?;
        passes_on(|| UnsyncBoxBody::new(scripted()))?;
        passes_on(|| Limited::new(scripted(), 20))?;
        passes_on(|| StreamBody::new(BodyStream::new(scripted())))?;
        passes_on(|| scripted().map_err(|error| error.to_string()))?;
        passes_on(|| channel(&script))?;
    }
}

/// Checks that a body behaves the same by itself and inside `Outgoing`.
fn passes_on<B>(body: impl Fn() -> B) -> Result<(), TestCaseError>
where
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (itself, sent) = (record(body()), record(Outgoing::new(body())));
    if itself[0].is_end {
        // The size hint of an ended body is irrelevant.
        prop_assert!(sent[0].is_end && sent[0].hint == (0, Some(0)));
        prop_assert_eq!(&sent[0].came, "None");
    } else {
        prop_assert_eq!(itself, sent);
    }
    Ok(())
}

/// A body's state before each poll, and the result of the poll.
#[derive(Debug, PartialEq)]
struct Step {
    is_end: bool,
    hint: (u64, Option<u64>),
    came: String,
}

fn record<B>(body: B) -> Vec<Step>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut body = Box::pin(body);
    let mut steps = Vec::new();
    loop {
        let hint = body.size_hint();
        let (is_end, hint) = (body.is_end_stream(), (hint.lower(), hint.upper()));
        let polled = body
            .as_mut()
            .poll_frame(&mut Context::from_waker(Waker::noop()));
        let goes_on = polled.is_pending() || matches!(polled, Poll::Ready(Some(Ok(_))));
        let came = match polled {
            Poll::Pending => "Pending".to_owned(),
            Poll::Ready(None) => "None".to_owned(),
            Poll::Ready(Some(Err(error))) => error.into().to_string(),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(mut data) => format!("{:?}", data.copy_to_bytes(data.remaining())),
                Err(frame) => format!("{:?}", frame.into_trailers().ok()),
            },
        };
        steps.push(Step { is_end, hint, came });
        if !goes_on {
            return steps;
        }
    }
}

#[derive(Clone, Debug)]
struct Script {
    /// `None` is a frame that is still pending.
    pieces: Vec<Option<Vec<u8>>>,
    trailers: bool,
    fails: bool,
    hint: Hint,
    /// Whether it reports its end along with its last frame.
    knows_end: bool,
}

/// The size hint of a body.
#[derive(Clone, Copy, Debug)]
enum Hint {
    Exact,
    Range(u64, u64),
    AtLeast(u64),
    Nothing,
}

fn script() -> impl Strategy<Value = Script> {
    let hint = prop_oneof![
        Just(Hint::Exact),
        (0..9_u64, 9..99_u64).prop_map(|(lower, upper)| Hint::Range(lower, upper)),
        (1..9_u64).prop_map(Hint::AtLeast),
        Just(Hint::Nothing),
    ];
    let pieces = vec(
        proptest::option::weighted(0.8, vec(any::<u8>(), 0..9)),
        0..6,
    );
    (pieces, any::<[bool; 3]>(), hint).prop_map(|(pieces, [trailers, fails, knows_end], hint)| {
        Script {
            pieces,
            trailers,
            fails,
            hint,
            knows_end,
        }
    })
}

impl Script {
    fn bytes(&self) -> Vec<u8> {
        self.pieces.iter().flatten().flatten().copied().collect()
    }
}

/// A body that follows its script, with data of type `D`.
struct Scripted<D> {
    script: Script,
    left: VecDeque<Option<D>>,
}

impl<D> Scripted<D> {
    fn new(script: &Script, data: impl Fn(Vec<u8>) -> D) -> Self {
        let pieces = script.pieces.iter().cloned();
        Self {
            left: pieces.map(|piece| piece.map(&data)).collect(),
            script: script.clone(),
        }
    }
}

impl<D: Buf + Unpin> Body for Scripted<D> {
    type Data = D;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<D>>>> {
        match self.left.pop_front() {
            Some(Some(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
            Some(None) => return Poll::Pending,
            None => {}
        }
        Poll::Ready(if mem::take(&mut self.script.trailers) {
            Some(Ok(Frame::trailers(HeaderMap::new())))
        } else if mem::take(&mut self.script.fails) {
            Some(Err(io::Error::other("the disk is on fire")))
        } else {
            None
        })
    }

    fn is_end_stream(&self) -> bool {
        let Script {
            knows_end,
            trailers,
            fails,
            ..
        } = self.script;
        knows_end && self.left.is_empty() && !trailers && !fails
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        match self.script.hint {
            Hint::Exact => {
                let left = self.left.iter().flatten().map(Buf::remaining);
                hint.set_exact(left.sum::<usize>() as u64);
            }
            Hint::Range(lower, upper) => {
                hint.set_upper(upper);
                hint.set_lower(lower);
            }
            Hint::AtLeast(lower) => hint.set_lower(lower),
            Hint::Nothing => {}
        }
        hint
    }
}

/// Data in two separate pieces.
fn halves(bytes: Vec<u8>) -> impl Buf + Unpin + Send + 'static {
    let mut first = Bytes::from(bytes);
    let second = first.split_off(first.len() / 2);
    first.chain(second)
}

/// A channel body with all frames sent, and the sender dropped.
fn channel(script: &Script) -> Channel<Bytes, io::Error> {
    let (mut sender, body) = Channel::new(script.pieces.len() + 1);
    for piece in script.pieces.iter().flatten() {
        let sent = sender.try_send(Frame::data(Bytes::from(piece.clone())));
        assert!(sent.is_ok(), "there is room");
    }
    if script.fails {
        sender.abort(io::Error::other("the disk is on fire"));
    } else if script.trailers {
        assert!(sender.try_send(Frame::trailers(HeaderMap::new())).is_ok());
    }
    body
}
