//! An exchange of HTTP/1.1 of our own, for a request with a body in memory.
//!
//! hyper hands each request and each response from one half of itself to the other. The task of the
//! request needs no halves: it writes the request, reads the head of the response, and then the
//! body, out of one buffer. The bytes that it reads have passed [`Heads`](super::heads::Heads), so
//! the limits on heads hold, and folds are undone.

use std::future::Future;
use std::io;
use std::mem::{self, MaybeUninit};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version};
use http_body::Frame;
use httparse::{ParserConfig, Status};
use hyper::body::Bytes;
use hyper::ext::ReasonPhrase;
use memchr::memchr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::head::{HeadLimits, Part};
use crate::http1::PARSED;
use crate::io::Shared;
use crate::outgoing::{BoxError, Item, Outgoing};

use self::chunks::Step;
use self::framing::Fields;
pub(crate) use self::framing::Framing;

#[cfg(test)]
mod beside_hyper;
mod chunks;
mod framing;
#[cfg(test)]
mod tests;

/// The state of the exchanges of one connection.
#[derive(Default)]
pub(super) struct Codec {
    /// The request.
    output: Vec<u8>,
    written: usize,
    /// Whether any byte of the request was sent.
    has_left: bool,
    /// Whether the transport keeps no byte of the request back.
    is_flushed: bool,
    /// The bytes of the transport before the response.
    received_before: u64,
    /// Takes the next read.
    space: BytesMut,
    /// How much the next read may take.
    size: usize,
    /// What was read and not used yet.
    ahead: Bytes,
    /// Whether the peer speaks HTTP/1.0.
    is_old: bool,
    /// Whether the response has the header `Keep-Alive`.
    pub(super) has_terms: bool,
    /// Whether the peer keeps the connection after the response.
    keeps: bool,
    /// Whether the response was read to its end.
    is_read: bool,
}

impl Codec {
    /// Begins an exchange with the request that `write` writes, unless it returns false.
    pub(super) fn begin(&mut self, write: impl FnOnce(&mut Vec<u8>, bool) -> bool) -> bool {
        self.output.clear();
        (self.written, self.has_left, self.is_flushed) = (0, false, false);
        (self.keeps, self.is_read) = (false, false);
        let begins = write(&mut self.output, self.is_old);
        if !begins {
            self.output.clear();
        }
        begins
    }

    /// Adds the body to the request.
    pub(super) fn append(&mut self, body: &Outgoing) {
        body.copy_to(&mut self.output);
    }

    /// The transport has received this many bytes before the response.
    pub(super) fn expect_after(&mut self, received: u64) {
        self.received_before = received;
    }

    /// Whether any byte of the request was sent.
    pub(super) fn has_left(&self) -> bool {
        self.has_left
    }

    /// Sends the request, and reads the head of the response.
    pub(super) fn poll_head<T>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut Shared<T>,
        is_head: bool,
        limits: HeadLimits,
    ) -> Poll<Result<Response<Framing>, BoxError>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let sent = self.poll_send(cx, io);
        loop {
            let before = self.space.len();
            // The peer may have answered although it takes no more of the request.
            let read = match self.poll_read(cx, io) {
                Poll::Pending => match sent {
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                    _ => return Poll::Pending,
                },
                Poll::Ready(read) => read?,
            };
            if read == 0 {
                return Poll::Ready(Err(match sent {
                    Poll::Ready(Err(error)) => error.into(),
                    _ if io.received() == self.received_before => UNANSWERED.into(),
                    _ => CLOSED.into(),
                }));
            }
            if memchr(b'\n', &self.space[before..]).is_none() {
                continue;
            }
            self.ahead = self.space.split().freeze();
            if let Some(response) = self.parse(is_head, limits)? {
                return Poll::Ready(Ok(response));
            }
            self.space = BytesMut::from(mem::take(&mut self.ahead));
        }
    }

    /// Reads the body.
    pub(super) fn poll_frame<T>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut Shared<T>,
        body: &mut Framing,
        limits: HeadLimits,
    ) -> Poll<Option<Item>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            if self.is_read {
                return Poll::Ready(None);
            }
            if !self.ahead.is_empty() {
                let frame = self.take(body, limits);
                self.is_read = body.is_ended();
                if let Some(frame) = frame.transpose() {
                    return Poll::Ready(Some(frame));
                }
                continue;
            }
            if let Poll::Ready(Err(_)) = self.poll_send(cx, io) {
                // The peer takes no more, but has answered.
                self.keeps = false;
                self.output.clear();
                (self.written, self.is_flushed) = (0, true);
            }
            if ready!(self.poll_read(cx, io))? == 0 {
                if !matches!(body, Framing::Close) {
                    return Poll::Ready(Some(Err(CUT.into())));
                }
                *body = Framing::Ended;
                self.is_read = true;
            }
            self.ahead = self.space.split().freeze();
        }
    }

    /// Waits, after a response, until the request is sent. Returns whether the connection takes
    /// another one.
    pub(super) fn poll_ready<T>(&mut self, cx: &mut Context<'_>, io: &mut Shared<T>) -> Poll<bool>
    where
        T: AsyncWrite + Unpin,
    {
        let is_reusable = self.keeps && self.is_read && self.ahead.is_empty();
        if self.space.capacity() > USUAL_READ {
            self.space = BytesMut::new();
        }
        Poll::Ready(is_reusable && ready!(self.poll_send(cx, io)).is_ok())
    }

    fn poll_send<T>(&mut self, cx: &mut Context<'_>, io: &mut Shared<T>) -> Poll<io::Result<()>>
    where
        T: AsyncWrite + Unpin,
    {
        while self.written < self.output.len() {
            match ready!(Pin::new(&mut *io).poll_write(cx, &self.output[self.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => {
                    self.written += written;
                    self.has_left = true;
                }
            }
        }
        if self.output.capacity() > MOST_KEPT {
            (self.output, self.written) = (Vec::new(), 0);
        }
        if !self.is_flushed {
            ready!(Pin::new(io).poll_flush(cx))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads some bytes; 0 at the end.
    fn poll_read<T>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut Shared<T>,
    ) -> Poll<Result<usize, BoxError>>
    where
        T: AsyncRead + Unpin,
    {
        let room = |space: &BytesMut| space.capacity() - space.len();
        if room(&self.space) < LEAST_READ.max(self.size) {
            self.space.reserve(self.size.max(USUAL_READ));
        }
        let most = room(&self.space);
        let read = match ready!(pin!(io.read_buf(&mut self.space)).poll(cx)) {
            Ok(read) => read,
            Err(error) => {
                return Poll::Ready(Err(match io.refused() {
                    Some(refused) => refused.into(),
                    None => error.into(),
                }));
            }
        };
        // A body that fills a buffer gets a larger one.
        self.size = match read == most {
            true => (2 * most).min(LARGEST_READ),
            false => 0,
        };
        Poll::Ready(Ok(read))
    }

    /// Parses the final head, if all of it has arrived.
    fn parse(
        &mut self,
        is_head: bool,
        limits: HeadLimits,
    ) -> Result<Option<Response<Framing>>, BoxError> {
        loop {
            if self.ahead.is_empty() {
                return Ok(None);
            }
            let mut fields = [const { MaybeUninit::uninit() }; PARSED];
            let mut head = httparse::Response::new(&mut []);
            let parsed = ParserConfig::default().parse_response_with_uninit_headers(
                &mut head,
                &self.ahead,
                &mut fields,
            );
            let length = match parsed {
                Ok(Status::Complete(length)) => length,
                Ok(Status::Partial) => return Ok(None),
                Err(httparse::Error::TooManyHeaders) => return Err(limits.unparsed().into()),
                Err(error) => return Err(Malformed(error).into()),
            };
            let status = StatusCode::from_u16(head.code.unwrap_or_default())?;
            let is_interim = status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS;
            let part = match is_interim {
                true => Part::Interim,
                false => Part::Head,
            };
            limits.check_lines(part, head.headers.len(), length)?;
            if is_interim {
                let _interim = self.ahead.split_to(length);
                continue;
            }
            let version = match head.version {
                Some(1) => Version::HTTP_11,
                _ => Version::HTTP_10,
            };
            let mut headers = HeaderMap::with_capacity(head.headers.len());
            let mut said = Fields::default();
            for field in head.headers.iter() {
                let name = HeaderName::from_bytes(field.name.as_bytes())?;
                let value = HeaderValue::from_maybe_shared(self.ahead.slice_ref(field.value))?;
                said.take(&name, &value);
                headers.append(name, value);
            }
            let body = said.framing(status, version, is_head)?;
            self.is_old = version == Version::HTTP_10;
            self.has_terms = said.has_terms;
            self.keeps = said.keeps(version)
                && status != StatusCode::SWITCHING_PROTOCOLS
                && !matches!(body, Framing::Close);
            self.is_read = body.is_ended();
            let mut response = Response::new(body);
            *response.status_mut() = status;
            *response.version_mut() = version;
            if let Some(reason) = head
                .reason
                .filter(|&reason| status.canonical_reason() != Some(reason))
            {
                let reason = self.ahead.slice_ref(reason.as_bytes());
                response
                    .extensions_mut()
                    .insert(ReasonPhrase::try_from(reason)?);
            }
            *response.headers_mut() = headers;
            let _head = self.ahead.split_to(length);
            return Ok(Some(response));
        }
    }

    /// Takes the next part of the body out of what has arrived.
    fn take(
        &mut self,
        body: &mut Framing,
        limits: HeadLimits,
    ) -> Result<Option<Frame<Bytes>>, BoxError> {
        let data = match body {
            Framing::Ended => return Ok(None),
            Framing::Close => mem::take(&mut self.ahead),
            Framing::Length(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX);
                let data = self.ahead.split_to(length.min(self.ahead.len()));
                *left -= data.len() as u64;
                if *left == 0 {
                    *body = Framing::Ended;
                }
                data
            }
            Framing::Chunks(chunks) => match chunks.next(&mut self.ahead, limits)? {
                Step::Data(data) => data,
                Step::Trailers(trailers) => return Ok(Some(Frame::trailers(trailers))),
                Step::End | Step::Missing => return Ok(None),
            },
        };
        Ok(Some(Frame::data(data)))
    }
}

// A read that has less room is worth an allocation.
const LEAST_READ: usize = 1024;
const USUAL_READ: usize = 8 * 1024;
// Each read is a frame of the body, and the most that is buffered of an unread body.
const LARGEST_READ: usize = 64 * 1024;

/// The buffer of a request that is kept for the next one.
const MOST_KEPT: usize = 4 * 1024;

const UNANSWERED: &str = "the server closed the connection without a response";
const CLOSED: &str = "the connection closed before the end of the head";
const CUT: &str = "the connection closed before the end of the body";

/// The error of a head that is not HTTP/1.1.
#[derive(Debug)]
struct Malformed(httparse::Error);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the head of the response makes no sense: {}", self.0)
    }
}

impl std::error::Error for Malformed {}
