//! One connection through a proxy.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::broadcast;
use tokio::time::sleep;

use crate::dice::Dice;

use super::exchange::{Protocol, Response};
use super::faults::Faults;
use super::stream::{half_close, is_hung_up, read, reset_when_dropped, write_all};
use super::toxic::{Deed, Place, Toxic};

/// The faults planned for one connection.
pub(super) struct Plan {
    shapes: Vec<Toxic>,
    faults: Vec<Planned>,
    dice: Dice,
}

struct Planned {
    toxic: Toxic,
    deed: Deed,
    place: Place,
    /// The exchange of the connection, counted from zero.
    exchange: usize,
}

impl Plan {
    pub(super) fn draw(toxics: &[Toxic], dice: &mut Dice) -> Self {
        let mut faults = Vec::new();
        for &toxic in toxics {
            if let Toxic::Fault {
                deed,
                place,
                percent,
            } = toxic
                && dice.below(100) < usize::from(percent)
            {
                let exchange = match place {
                    Place::Accept => 0,
                    Place::Reuse => 1,
                    _ => dice.below(3),
                };
                faults.push(Planned {
                    toxic,
                    deed,
                    place,
                    exchange,
                });
            }
        }
        Self {
            shapes: toxics.iter().copied().filter(Toxic::is_shape).collect(),
            faults,
            dice: Dice(dice.roll()),
        }
    }

    fn slice(&self) -> usize {
        let slices = self.shapes.iter().filter_map(|shape| match *shape {
            Toxic::Slicer { bytes } => Some(bytes),
            Toxic::Bandwidth { bytes_per_second } => Some(1 + bytes_per_second as usize / 500),
            _ => None,
        });
        slices.min().unwrap_or(usize::MAX)
    }

    /// The first place of a planned deed in this exchange, in bytes; `bytes` maps a place to its
    /// position.
    fn next(&self, exchange: usize, bytes: impl Fn(Place) -> Option<usize>) -> Option<usize> {
        let faults = self
            .faults
            .iter()
            .filter(|fault| fault.exchange == exchange);
        faults.filter_map(|fault| bytes(fault.place)).min()
    }
}

/// An unsolicited answer. It contains the time at which it was sent, in microseconds of [`micros`].
/// It also contains whether it came in one piece with the end of the answer before.
///
/// In HTTP it ends the connection. A client may take it for its own answer, if it arrives after the
/// question was sent. Without the end, that client would then take the true answer for that of its
/// next question.
pub(super) fn stray(protocol: Protocol, in_one_piece: bool) -> String {
    let text = format!(
        "stray {} {}",
        micros(Instant::now()),
        u8::from(in_one_piece)
    );
    match protocol {
        Protocol::Line | Protocol::Sealed => text + "\n",
        Protocol::Http => format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        ),
    }
}

/// The time since the first call in this process.
pub(super) fn micros(instant: Instant) -> u128 {
    static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);
    instant.saturating_duration_since(*EPOCH).as_micros()
}

pub(super) struct Pump {
    pub(super) client: Arc<TcpStream>,
    pub(super) server: SocketAddr,
    pub(super) protocol: Protocol,
    pub(super) plan: Plan,
    pub(super) faults: Faults,
    pub(super) orders: broadcast::Receiver<Deed>,
}

/// The connection is at its end.
struct Over;

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl Pump {
    pub(super) async fn run(mut self) {
        // Whatever the result, the drop closes its sockets.
        let _ = self.pass_on().await;
    }

    async fn pass_on(&mut self) -> Result<(), Over> {
        self.at(0, Place::Accept).await?;
        let server = TcpStream::connect(self.server).await?;
        server.set_nodelay(true)?;
        let (mut question, mut answer) = (vec![0; 4096], vec![0; 16 * 1024]);
        let (mut exchange, mut asked) = (0, 0);
        let mut response = Response::default();
        let mut idle_since = None;
        let client = Arc::clone(&self.client);
        loop {
            let idle = self.idle_time(exchange, idle_since);
            tokio::select! {
                n = read(&client, &mut question) => {
                    let bytes = &question[..n?];
                    if bytes.is_empty() {
                        return Ok(());
                    }
                    if asked == 0 && exchange > 0 {
                        self.at(exchange, Place::Reuse).await?;
                    }
                    idle_since = None;
                    self.pass_request(bytes, exchange, &mut asked, &server).await?;
                }
                n = read(&server, &mut answer) => {
                    let bytes = &answer[..n?];
                    if bytes.is_empty() {
                        return Ok(());
                    }
                    if self.pass_response(bytes, exchange, &mut response).await? {
                        self.at(exchange, Place::AfterResponse).await?;
                        idle_since = Some(Instant::now());
                        (response, asked) = (Response::default(), 0);
                        exchange += 1;
                    }
                }
                place = idle => self.at(exchange - 1, place).await?,
                deed = self.orders.recv() => {
                    let deed = deed.map_err(|_| Over)?;
                    self.act(deed).await?;
                }
            }
        }
    }

    /// The time until a deed on an idle connection.
    fn idle_time(
        &self,
        exchange: usize,
        since: Option<Instant>,
    ) -> impl Future<Output = Place> + use<> {
        let due = since.and_then(|since| {
            let ended = self
                .plan
                .faults
                .iter()
                .filter(|fault| fault.exchange + 1 == exchange);
            let times = ended.filter_map(|fault| match fault.place {
                Place::Idle(time) => Some((time.saturating_sub(since.elapsed()), fault.place)),
                _ => None,
            });
            times.min_by_key(|(time, _)| *time)
        });
        async move {
            match due {
                Some((time, place)) => {
                    sleep(time).await;
                    place
                }
                None => std::future::pending().await,
            }
        }
    }

    async fn pass_request(
        &mut self,
        mut bytes: &[u8],
        exchange: usize,
        asked: &mut usize,
        server: &TcpStream,
    ) -> Result<(), Over> {
        while !bytes.is_empty() {
            let place = self.plan.next(exchange, |place| match place {
                Place::Request(at) if at > *asked => Some(at),
                _ => None,
            });
            let length = place.map_or(bytes.len(), |at| bytes.len().min(at - *asked));
            let (piece, rest) = bytes.split_at(length);
            *asked += length;
            self.shaped(piece, server).await?;
            self.at(exchange, Place::Request(*asked)).await?;
            bytes = rest;
        }
        Ok(())
    }

    /// Whether the response has ended. Bytes that the server sends beyond it are lost: ours sends
    /// none.
    async fn pass_response(
        &mut self,
        bytes: &[u8],
        exchange: usize,
        response: &mut Response,
    ) -> Result<bool, Over> {
        let client = Arc::clone(&self.client);
        let before = response.seen;
        let (length, ended) = response.feed(self.protocol, bytes);
        let (mut bytes, mut passed) = (&bytes[..length], before);
        loop {
            if passed == 0 || passed > before {
                self.at(exchange, Place::Response(passed)).await?;
            }
            if bytes.is_empty() {
                return Ok(ended);
            }
            let place = self.plan.next(exchange, |place| match place {
                Place::Response(at) if at > passed => Some(at),
                _ => None,
            });
            let (piece, rest) =
                bytes.split_at(place.map_or(bytes.len(), |at| bytes.len().min(at - passed)));
            passed += piece.len();
            let last = ended && rest.is_empty();
            match last
                .then(|| self.take(exchange, Place::AfterResponse, Some(Deed::Stray)))
                .flatten()
            {
                Some(_) => {
                    let in_one_piece = self.plan.slice() == usize::MAX;
                    let mut piece = piece.to_vec();
                    piece.extend(stray(self.protocol, in_one_piece).as_bytes());
                    self.shaped(&piece, &client).await?;
                }
                None => self.shaped(piece, &client).await?,
            }
            bytes = rest;
        }
    }

    /// Writes in the pieces and at the times that the toxics set.
    async fn shaped(&mut self, bytes: &[u8], to: &TcpStream) -> Result<(), Over> {
        for shape in &self.plan.shapes {
            self.faults.count(shape);
        }
        let shapes = self.plan.shapes.clone();
        for shape in &shapes {
            if let Toxic::Latency { delay, jitter } = *shape {
                let jitter = jitter.mul_f64(self.plan.dice.below(1000) as f64 / 1000.0);
                sleep(delay + jitter).await;
            }
        }
        for piece in bytes.chunks(self.plan.slice()) {
            for shape in &shapes {
                if let Toxic::Bandwidth { bytes_per_second } = *shape {
                    sleep(Duration::from_secs(piece.len() as u64) / bytes_per_second).await;
                }
            }
            write_all(to, piece).await?;
        }
        Ok(())
    }

    /// Performs the deeds planned for this place.
    async fn at(&mut self, exchange: usize, place: Place) -> Result<(), Over> {
        while let Some(deed) = self.take(exchange, place, None) {
            self.act(deed).await?;
        }
        Ok(())
    }

    /// Takes a planned deed, of any kind or of kind `only`, so that it is done once.
    fn take(&mut self, exchange: usize, place: Place, only: Option<Deed>) -> Option<Deed> {
        let faults = &mut self.plan.faults;
        let planned = faults.iter().position(|fault| {
            fault.exchange == exchange
                && fault.place == place
                && only.is_none_or(|only| only == fault.deed)
        })?;
        let planned = faults.swap_remove(planned);
        self.faults.count(&planned.toxic);
        Some(planned.deed)
    }

    async fn act(&mut self, deed: Deed) -> Result<(), Over> {
        match deed {
            Deed::Reset => {
                reset_when_dropped(&self.client);
                Err(Over)
            }
            Deed::Close => Err(Over),
            Deed::HalfClose => {
                half_close(&self.client);
                self.swallow().await
            }
            Deed::Stall => self.stall().await,
            Deed::Swallow => self.swallow().await,
            Deed::Stray => {
                let stray = stray(self.protocol, false);
                Ok(write_all(&self.client, stray.as_bytes()).await?)
            }
        }
    }

    /// Neither reads nor writes until the client closes, or an order comes.
    async fn stall(&mut self) -> Result<(), Over> {
        loop {
            tokio::select! {
                () = sleep(Duration::from_millis(5)) => if is_hung_up(&self.client) {
                    return Err(Over);
                },
                deed = self.orders.recv() => return Err(self.last(deed.ok())),
            }
        }
    }

    /// Reads and drops bytes until the client closes, or an order comes.
    async fn swallow(&mut self) -> Result<(), Over> {
        let mut buffer = vec![0; 4096];
        loop {
            tokio::select! {
                n = read(&self.client, &mut buffer) => if n? == 0 {
                    return Err(Over);
                },
                deed = self.orders.recv() => return Err(self.last(deed.ok())),
            }
        }
    }

    /// The effect of an order on a connection that does nothing else any more.
    fn last(&self, deed: Option<Deed>) -> Over {
        if deed == Some(Deed::Reset) {
            reset_when_dropped(&self.client);
        }
        Over
    }
}
