//! Row g: 64 bytes there and back, over loopback.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::child::Server;
use crate::contenders::Role;
use crate::measure::{Subject, interleave};
use crate::plan::Rounds;
use crate::progress::Progress;
use crate::runtime;
use crate::table::{Better, Table};

mod pools;

use pools::{Bare, Bb8Streams, DeadpoolStreams, KeepaliveStreams};

/// Bytes of a message.
pub const MESSAGE: usize = 64;

const TASKS: u32 = 32;

/// A way to have a connection for one exchange.
trait Streams: Clone + Send + Sync + 'static {
    const NAME: &'static str;
    const ROLE: Role;
    /// The state that a task keeps from exchange to exchange.
    type Own: Default + Send + 'static;

    fn new(server: SocketAddr) -> Self;

    /// Gets a connection, exchanges the message for its echo, and gives it back.
    fn exchange(
        &self,
        own: &mut Self::Own,
        message: &[u8; MESSAGE],
    ) -> impl Future<Output = Result<()>> + Send;

    /// How many connections have been opened.
    fn opened(&self) -> u64;
}

/// Row g.
pub(super) fn measure(rounds: Rounds, progress: &Progress) -> Result<Vec<Table>> {
    let server = Server::start("echo")?;
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
    let mut subjects = vec![
        PingPong::<Bare>::boxed(to, rounds.length)?,
        PingPong::<DeadpoolStreams>::boxed(to, rounds.length)?,
        PingPong::<Bb8Streams>::boxed(to, rounds.length)?,
        PingPong::<KeepaliveStreams>::boxed(to, rounds.length)?,
    ];
    let lines = interleave(&mut subjects, rounds.count, progress)?.remove(0);
    Ok(vec![Table {
        id: "g",
        title: format!("{MESSAGE}-byte TCP ping-pong over loopback, {TASKS} tasks on 2 workers"),
        unit: "exchanges per second",
        better: Better::Higher,
        reference: Some(Bare::NAME.to_owned()),
        lines,
        notes: vec![],
    }])
}

struct PingPong<S: Streams> {
    runtime: Runtime,
    streams: S,
    owns: Vec<S::Own>,
    /// Of each task in a round.
    exchanges: u64,
}

impl<S: Streams> PingPong<S> {
    fn boxed(server: SocketAddr, length: Duration) -> Result<Box<dyn Subject>> {
        let runtime = runtime::with_workers(2);
        let streams = {
            let _within = runtime.enter();
            S::new(server)
        };
        let mut ping_pong = Self {
            runtime,
            streams,
            owns: (0..TASKS).map(|_| S::Own::default()).collect(),
            exchanges: 16,
        };
        loop {
            let taken = ping_pong.run()?;
            if taken >= length / 4 {
                let share = length.as_secs_f64() / taken.as_secs_f64();
                ping_pong.exchanges = ((ping_pong.exchanges as f64 * share) as u64).max(1);
                return Ok(Box::new(ping_pong));
            }
            ping_pong.exchanges *= 2;
        }
    }

    fn run(&mut self) -> Result<Duration> {
        let exchanges = self.exchanges;
        let start = Instant::now();
        let (streams, mut numbers) = (&self.streams, 0_u8..);
        runtime::all(&self.runtime, &mut self.owns, |own| {
            let number = numbers.next().unwrap_or_default();
            exchange_all(streams.clone(), own, number, exchanges)
        })?;
        Ok(start.elapsed())
    }
}

impl<S: Streams> Subject for PingPong<S> {
    fn name(&self) -> String {
        S::NAME.to_owned()
    }

    fn role(&self) -> Role {
        S::ROLE
    }

    fn measure(&mut self) -> Result<Vec<f64>> {
        let taken = self.run()?;
        let exchanges = self.exchanges * u64::from(TASKS);
        Ok(vec![exchanges as f64 / taken.as_secs_f64()])
    }

    fn finish(&mut self) -> Result<()> {
        let opened = self.streams.opened();
        let most = u64::from(TASKS);
        ensure!(
            (1..=most).contains(&opened),
            "{opened} connections were opened"
        );
        Ok(())
    }
}

async fn exchange_all<S: Streams>(
    streams: S,
    mut own: S::Own,
    number: u8,
    exchanges: u64,
) -> Result<S::Own> {
    let message = [number; MESSAGE];
    for _ in 0..exchanges {
        streams.exchange(&mut own, &message).await?;
    }
    Ok(own)
}

async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    message: &[u8; MESSAGE],
) -> Result<()> {
    stream.write_all(message).await?;
    let mut echo = [0; MESSAGE];
    stream.read_exact(&mut echo).await?;
    ensure!(echo == *message, "the answer is somebody else's");
    Ok(())
}

/// A connection with the option that all contenders set.
async fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The check that a manager makes of a plain socket before its next use: that there is nothing to
/// read.
fn still_silent(stream: &TcpStream) -> io::Result<()> {
    match stream.try_read(&mut [0]) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(_) => Err(io::ErrorKind::InvalidData.into()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}
