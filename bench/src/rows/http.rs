//! Rows i and j: requests of HTTP, to a server on a core of its own.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::runtime::Runtime;

use crate::child::Server;
use crate::clock::processor_time;
use crate::contenders::Role;
use crate::measure::{Subject, interleave};
use crate::plan::Rounds;
use crate::progress::Progress;
use crate::runtime;
use crate::table::{Better, Line, Table};

mod clients;
mod limits;
mod wrk;

use clients::{Bare, BareTwo, HyperUtil, Keepalive, Reqwest};
use wrk::Wrk;

/// Bytes of the body of an answer.
pub const BODY: usize = 128;
/// Streams that a connection of HTTP/2 may carry.
pub const STREAMS: u32 = 100;
/// The path whose answer is the number of connections that the server has accepted.
pub const COUNT: &str = "/accepted";
/// The core of the server; the client has another.
pub const SERVER_CORE: usize = 1;
const CLIENT_CORE: usize = 0;

const TASKS: [u32; 3] = [1, 32, 256];

/// A client of HTTP.
trait Gets: Clone + Send + Sync + 'static {
    const NAME: &'static str;
    const ROLE: Role;
    /// The state that a task keeps from request to request.
    type Own: Send + 'static;

    fn new(server: SocketAddr, tasks: u32) -> Self;

    /// The initial state of the task of that number.
    fn own(&self, number: u32) -> impl Future<Output = Result<Self::Own>> + Send;

    /// Sends a GET, reads its answer, and returns the length of the body.
    fn exchange(&self, own: &mut Self::Own) -> impl Future<Output = Result<usize>> + Send;
}

/// Row i.
pub(super) fn one(rounds: Rounds, progress: &Progress) -> Result<Vec<Table>> {
    let server = Server::start("http1")?;
    let to = address(&server);
    let mut tables = Vec::new();
    for (tasks, ids) in
        TASKS
            .into_iter()
            .zip([["i1", "i1-cpu"], ["i32", "i32-cpu"], ["i256", "i256-cpu"]])
    {
        let mut subjects = vec![
            Crowd::<Bare>::boxed(to, tasks, rounds.length)?,
            Crowd::<HyperUtil<false>>::boxed(to, tasks, rounds.length)?,
            Crowd::<Reqwest>::boxed(to, tasks, rounds.length)?,
            Crowd::<Keepalive<false>>::boxed(to, tasks, rounds.length)?,
        ];
        let mut lines = interleave(&mut subjects, rounds.count, progress)?;
        drop(subjects);
        if let Some(wrk) = Wrk::find() {
            lines[0].push(wrk.measure(to, tasks)?);
        }
        tables.extend(pair(ids, "HTTP/1.1", tasks, Bare::NAME, lines));
    }
    tables.push(limits::table()?);
    Ok(tables)
}

/// Row j.
pub(super) fn two(rounds: Rounds, progress: &Progress) -> Result<Vec<Table>> {
    let server = Server::start("http2")?;
    let to = address(&server);
    let mut tables = Vec::new();
    for (tasks, ids) in
        TASKS
            .into_iter()
            .zip([["j1", "j1-cpu"], ["j32", "j32-cpu"], ["j256", "j256-cpu"]])
    {
        let mut subjects = vec![
            Crowd::<BareTwo>::boxed(to, tasks, rounds.length)?,
            Crowd::<HyperUtil<true>>::boxed(to, tasks, rounds.length)?,
            Crowd::<Keepalive<true>>::boxed(to, tasks, rounds.length)?,
        ];
        let lines = interleave(&mut subjects, rounds.count, progress)?;
        tables.extend(pair(ids, "HTTP/2", tasks, BareTwo::NAME, lines));
    }
    Ok(tables)
}

fn address(server: &Server) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()))
}

/// The tables of the two figures that a crowd measures.
fn pair(
    ids: [&'static str; 2],
    version: &str,
    tasks: u32,
    reference: &str,
    lines: Vec<Vec<Line>>,
) -> impl Iterator<Item = Table> {
    let crowd = match tasks {
        1 => "one task".to_owned(),
        tasks => format!("{tasks} tasks"),
    };
    let kinds = [
        ("", "requests per second", Better::Higher),
        ("processor time, ", "us per request", Better::Lower),
    ];
    let reference = reference.to_owned();
    let title = move |what: &str| format!("{version}, {what}{crowd}");
    let kinds = ids.into_iter().zip(kinds).zip(lines);
    kinds.map(move |((id, (what, unit, better)), lines)| Table {
        id,
        title: title(what),
        unit,
        better,
        reference: Some(reference.clone()),
        lines,
        notes: vec![],
    })
}

/// Tasks that send requests with one client.
struct Crowd<G: Gets> {
    runtime: Runtime,
    client: G,
    owns: Vec<G::Own>,
    /// Of each task in a round.
    requests: u64,
}

impl<G: Gets> Crowd<G> {
    fn boxed(server: SocketAddr, tasks: u32, length: Duration) -> Result<Box<dyn Subject>> {
        let runtime = runtime::on_core(CLIENT_CORE);
        let client = {
            let _within = runtime.enter();
            G::new(server, tasks)
        };
        let mut owns = Vec::new();
        for number in 0..tasks {
            owns.push(runtime.block_on(client.own(number))?);
        }
        let mut crowd = Self {
            runtime,
            client,
            owns,
            requests: 8,
        };
        loop {
            let (taken, _) = crowd.run()?;
            if taken >= length / 4 {
                let share = length.as_secs_f64() / taken.as_secs_f64();
                crowd.requests = ((crowd.requests as f64 * share) as u64).max(1);
                return Ok(Box::new(crowd));
            }
            crowd.requests *= 2;
        }
    }

    /// How long a round takes, and how much of a processor.
    fn run(&mut self) -> Result<(Duration, Duration)> {
        let requests = self.requests;
        let (start, processor) = (Instant::now(), processor_time());
        let client = &self.client;
        runtime::all(&self.runtime, &mut self.owns, |own| {
            exchange_all(client.clone(), own, requests)
        })?;
        Ok((start.elapsed(), processor_time() - processor))
    }
}

impl<G: Gets> Subject for Crowd<G> {
    fn name(&self) -> String {
        G::NAME.to_owned()
    }

    fn role(&self) -> Role {
        G::ROLE
    }

    fn measure(&mut self) -> Result<Vec<f64>> {
        let (taken, processor) = self.run()?;
        let requests = (self.requests * self.owns.len() as u64) as f64;
        Ok(vec![
            requests / taken.as_secs_f64(),
            processor.as_secs_f64() * 1e6 / requests,
        ])
    }
}

async fn exchange_all<G: Gets>(client: G, mut own: G::Own, requests: u64) -> Result<G::Own> {
    for _ in 0..requests {
        let bytes = client.exchange(&mut own).await?;
        ensure!(bytes == BODY, "an answer of {bytes} bytes");
    }
    Ok(own)
}
