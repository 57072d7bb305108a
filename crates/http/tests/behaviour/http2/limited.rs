//! A server whose limit of streams a test sets and changes (RFC 9113, section 5.1.2). It counts its
//! requests.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in what they share

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use keepalive_testkit::http_server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::frames::{
    ACK, END_HEADERS, END_STREAM, GOAWAY, HEADERS, NO_ERROR, OK, REFUSED_STREAM, RST_STREAM,
    SETTINGS, frame, settings,
};
use crate::support::within;

#[derive(Clone)]
pub(crate) struct Limited {
    port: u16,
    wishes: Arc<Wishes>,
}

/// The settings of a test for every connection.
struct Wishes {
    /// How many streams it may have. The server sends no settings before there is a number.
    streams: watch::Sender<Option<u32>>,
    answers: watch::Sender<bool>,
    /// How many GOAWAYs the test has asked for.
    goaways: watch::Sender<usize>,
    seen: watch::Sender<Seen>,
}

/// What the server has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    /// Requests that were let in.
    pub(crate) asked: usize,
    /// Requests that were refused, because they came above the limit.
    pub(crate) refused: usize,
    /// Those among them that came after the client had acknowledged the limit.
    pub(crate) rude: usize,
    pub(crate) answered: usize,
    /// How many streams a connection had at once, at most.
    pub(crate) most: usize,
}

impl Limited {
    pub(crate) async fn start(streams: Option<u32>) -> Self {
        let server = Server::start().await;
        let limited = Self {
            port: server.port(),
            wishes: Arc::new(Wishes {
                streams: watch::Sender::new(streams),
                answers: watch::Sender::new(true),
                goaways: watch::Sender::new(0),
                seen: watch::Sender::default(),
            }),
        };
        let wishes = Arc::clone(&limited.wishes);
        server.each(move |peer| {
            wishes.seen.send_modify(|seen| seen.connections += 1);
            let served = Peer::new(peer.into_stream()).serve(Arc::clone(&wishes));
            async move {
                // It ends with an error if the client goes first.
                let _ = served.await;
            }
        });
        limited
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Allows so many streams from now on, on every connection.
    pub(crate) fn allow(&self, streams: u32) {
        self.wishes.streams.send_replace(Some(streams));
    }

    /// Sends no settings on the next connections until there is a limit again.
    pub(crate) fn be_silent(&self) {
        self.wishes.streams.send_replace(None);
    }

    /// Sets whether the server answers requests.
    pub(crate) fn answer(&self, answers: bool) {
        self.wishes.answers.send_replace(answers);
    }

    /// Sends a GOAWAY on every connection.
    pub(crate) fn goaway(&self) {
        self.wishes.goaways.send_modify(|goaways| *goaways += 1);
    }

    pub(crate) fn seen(&self) -> Seen {
        *self.wishes.seen.borrow()
    }

    /// Waits until the server has seen something.
    pub(crate) async fn until(&self, is_so: impl FnMut(&Seen) -> bool) {
        let mut seen = self.wishes.seen.subscribe();
        let mut is_so = is_so;
        within(seen.wait_for(|seen| is_so(seen))).await.unwrap();
    }
}

/// One connection.
struct Peer {
    stream: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Streams that wait for an answer.
    open: Vec<u32>,
    last: u32,
    /// The limits that were sent and not yet acknowledged, and the last that was.
    said: VecDeque<u32>,
    acknowledged: Option<u32>,
    /// Whether the client's settings wait until the server has sent its own.
    owes: bool,
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl Peer {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            input: Vec::new(),
            output: Vec::new(),
            open: Vec::new(),
            last: 0,
            said: VecDeque::new(),
            acknowledged: None,
            owes: false,
        }
    }

    /// Until the client closes.
    async fn serve(mut self, wishes: Arc<Wishes>) -> io::Result<()> {
        let mut preface = [0; PREFACE.len()];
        self.stream.read_exact(&mut preface).await?;
        assert_eq!(preface, PREFACE);
        let mut streams = wishes.streams.subscribe();
        let mut answers = wishes.answers.subscribe();
        let mut goaways = wishes.goaways.subscribe();
        streams.mark_changed();
        loop {
            tokio::select! {
                read = self.stream.read_buf(&mut self.input) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    while let Some((kind, flags, stream, length)) = self.frame() {
                        self.hear(kind, flags, stream, &wishes);
                        self.input.drain(..9 + length);
                    }
                }
                changed = streams.changed() => {
                    changed.map_err(io::Error::other)?;
                    if let Some(limit) = *streams.borrow_and_update() {
                        self.say(limit);
                    }
                }
                changed = answers.changed() => changed.map_err(io::Error::other)?,
                changed = goaways.changed() => {
                    changed.map_err(io::Error::other)?;
                    let payload = [self.last.to_be_bytes(), NO_ERROR.to_be_bytes()].concat();
                    self.write(GOAWAY, 0, 0, &payload);
                }
            }
            if self.limit().is_some() && *answers.borrow_and_update() {
                for stream in std::mem::take(&mut self.open) {
                    self.write(HEADERS, END_HEADERS | END_STREAM, stream, &OK);
                    wishes.seen.send_modify(|seen| seen.answered += 1);
                }
            }
            self.stream.write_all(&self.output).await?;
            self.output.clear();
        }
    }

    /// The kind, flags, stream and length of the next frame, if all of it is there.
    fn frame(&self) -> Option<(u8, u8, u32, usize)> {
        let (head, payload) = self.input.split_first_chunk::<9>()?;
        let [a, b, c, kind, flags, stream @ ..] = *head;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        (payload.len() >= length).then_some((kind, flags, u32::from_be_bytes(stream), length))
    }

    fn hear(&mut self, kind: u8, flags: u8, stream: u32, wishes: &Wishes) {
        match kind {
            HEADERS => {
                self.last = stream;
                let open = self.open.len() as u32;
                let refused = self.limit().is_some_and(|limit| open >= limit);
                let rude = self.acknowledged.is_some_and(|limit| open >= limit);
                if refused {
                    self.write(RST_STREAM, 0, stream, &REFUSED_STREAM.to_be_bytes());
                } else {
                    self.open.push(stream);
                }
                wishes.seen.send_modify(|seen| {
                    seen.asked += usize::from(!refused);
                    seen.refused += usize::from(refused);
                    seen.rude += usize::from(rude && refused);
                    seen.most = seen.most.max(self.open.len());
                });
            }
            RST_STREAM => self.open.retain(|&open| open != stream),
            SETTINGS if flags & ACK != 0 => self.acknowledged = self.said.pop_front(),
            SETTINGS if self.limit().is_some() => self.write(SETTINGS, ACK, 0, &[]),
            SETTINGS => self.owes = true,
            _ => {}
        }
    }

    /// The limit that the server sent last.
    fn limit(&self) -> Option<u32> {
        self.said.back().copied().or(self.acknowledged)
    }

    fn say(&mut self, limit: u32) {
        self.output.extend(settings(limit));
        self.said.push_back(limit);
        if std::mem::take(&mut self.owes) {
            self.write(SETTINGS, ACK, 0, &[]);
        }
    }

    fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.output.extend(frame(kind, flags, stream, payload));
    }
}
