//! A server that sends exactly the frames of a test (RFC 9113, section 4.1).
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in what they share

use keepalive_testkit::http_server::{self, within};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// The types of frames that tests use.
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
const MAX_CONCURRENT_STREAMS: u16 = 3;

/// Reasons (section 7).
pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const INTERNAL_ERROR: u32 = 2;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;
pub(crate) const HTTP_1_1_REQUIRED: u32 = 13;

pub(crate) struct Server(http_server::Server);

impl Server {
    pub(crate) async fn start() -> Self {
        Self(http_server::Server::start().await)
    }

    pub(crate) fn uri(&self, path: &str) -> http::Uri {
        self.0.uri(path)
    }

    /// Accepts a connection, and allows it so many exchanges at a time.
    pub(crate) async fn accept(&self, streams: u32) -> Peer {
        Peer::greet(self.0.accept().await.into_stream(), streams).await
    }

    /// Accepts all connections until the runtime ends, each with a task of its own.
    pub(crate) fn each<F>(
        self,
        streams: u32,
        serve: impl Fn(Peer) -> F + Clone + Send + Sync + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        self.0.each(move |peer| {
            let serve = serve.clone();
            async move { serve(Peer::greet(peer.into_stream(), streams).await).await }
        });
    }
}

/// One connection, as the server has it.
pub(crate) struct Peer<S = TcpStream> {
    stream: S,
    /// The highest stream that was asked on.
    last: u32,
}

#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The reason of a reset.
    pub(crate) fn reason(&self) -> u32 {
        assert_eq!(self.kind, RST_STREAM, "{self:?}");
        u32::from_be_bytes(self.payload[..4].try_into().unwrap())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// Reads what a client begins with, and sends the settings.
    pub(crate) async fn greet(stream: S, streams: u32) -> Self {
        let mut peer = Self::meet(stream).await;
        peer.allow(streams).await;
        peer
    }

    /// Reads what a client begins with.
    pub(crate) async fn meet(mut stream: S) -> Self {
        let mut preface = [0; 24];
        within(stream.read_exact(&mut preface)).await.unwrap();
        assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        Self { stream, last: 0 }
    }

    /// Allows so many exchanges at a time from now on.
    pub(crate) async fn allow(&mut self, streams: u32) {
        self.write(&settings(streams)).await;
    }

    /// Waits until the client has read all frames sent so far.
    pub(crate) async fn heard(&mut self) {
        self.send(PING, 0, 0, &[0; 8]).await;
        self.next(PING).await;
    }

    /// The stream of the next request.
    pub(crate) async fn request(&mut self) -> u32 {
        let frame = self.next(HEADERS).await;
        self.last = frame.stream;
        frame.stream
    }

    /// The next frame of this kind. Skips other kinds, but fails on HEADERS, RST_STREAM and GOAWAY.
    pub(crate) async fn next(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.frame().await.expect("a frame");
            if frame.kind == kind {
                return frame;
            }
            assert!(
                !matches!(frame.kind, HEADERS | RST_STREAM | GOAWAY),
                "{frame:?}"
            );
        }
    }

    /// The next frame, or none if the client has closed. Settings and pings are answered.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        let frame = self.read().await?;
        if matches!(frame.kind, SETTINGS | PING) && frame.flags & ACK == 0 {
            let payload = if frame.kind == PING {
                &*frame.payload
            } else {
                &[]
            };
            self.send(frame.kind, ACK, 0, payload).await;
        }
        Some(frame)
    }

    /// Reads, and answers nothing, until the client has closed.
    pub(crate) async fn ignored(&mut self) {
        while self.read().await.is_some() {}
    }

    async fn read(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        within(self.stream.read_exact(&mut head)).await.ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        within(self.stream.read_exact(&mut payload)).await.ok()?;
        Some(Frame {
            kind,
            flags,
            stream: u32::from_be_bytes(stream),
            payload,
        })
    }

    /// Answers the next request.
    pub(crate) async fn serve(&mut self) -> u32 {
        let stream = self.request().await;
        self.answer(stream).await;
        stream
    }

    /// Answers 200, without a body.
    pub(crate) async fn answer(&mut self, stream: u32) {
        self.send(HEADERS, END_HEADERS | END_STREAM, stream, &OK)
            .await;
    }

    /// Answers with a status of three digits, without a body.
    pub(crate) async fn answer_with(&mut self, stream: u32, status: &str) {
        // A literal that is not to be remembered, with the name of entry 8 (RFC 7541, section 6.2.2).
        let mut head = vec![0x08, 3];
        head.extend(status.as_bytes());
        self.send(HEADERS, END_HEADERS | END_STREAM, stream, &head)
            .await;
    }

    /// Answers 200, and leaves the rest for later.
    pub(crate) async fn begin(&mut self, stream: u32) {
        self.send(HEADERS, END_HEADERS, stream, &OK).await;
    }

    /// A part of an answer.
    pub(crate) async fn data(&mut self, stream: u32, body: &str) {
        self.send(DATA, 0, stream, body.as_bytes()).await;
    }

    /// The rest of an answer.
    pub(crate) async fn end(&mut self, stream: u32, body: &str) {
        self.send(DATA, END_STREAM, stream, body.as_bytes()).await;
    }

    pub(crate) async fn reset(&mut self, stream: u32, reason: u32) {
        self.send(RST_STREAM, 0, stream, &reason.to_be_bytes())
            .await;
    }

    /// Sends a GOAWAY that names the last request.
    pub(crate) async fn goaway(&mut self) {
        self.goaway_after(self.last).await;
    }

    /// Sends a GOAWAY that names this stream as the last one processed.
    pub(crate) async fn goaway_after(&mut self, stream: u32) {
        self.goaway_for(stream, NO_ERROR).await;
    }

    /// The same, for this reason.
    pub(crate) async fn goaway_for(&mut self, stream: u32, reason: u32) {
        let mut payload = stream.to_be_bytes().to_vec();
        payload.extend(reason.to_be_bytes());
        self.send(GOAWAY, 0, 0, &payload).await;
    }

    pub(crate) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.write(&frame(kind, flags, stream, payload)).await;
    }

    async fn write(&mut self, frame: &[u8]) {
        within(self.stream.write_all(frame)).await.unwrap();
        within(self.stream.flush()).await.unwrap();
    }
}

/// A frame as it is sent.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![a, b, c, kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The frame that allows so many exchanges at a time.
pub(crate) fn settings(streams: u32) -> Vec<u8> {
    let mut setting = MAX_CONCURRENT_STREAMS.to_be_bytes().to_vec();
    setting.extend(streams.to_be_bytes());
    frame(SETTINGS, 0, 0, &setting)
}

/// `:status: 200`, as HPACK has it in its table (RFC 7541, appendix A).
pub(crate) const OK: [u8; 1] = [0x88];
