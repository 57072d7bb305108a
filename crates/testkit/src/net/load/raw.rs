//! Sends lines over plain connections, and checks the responses.

use std::io;
use std::time::{Duration, Instant};

use keepalive::{Counts, Lease, Manager, NetConnector, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::{
    Caller, Counted, Ending, HandedOut, Late, Limits, Question, judge, late, not_connected,
};
use crate::net::chaos::Protocol;

#[derive(Clone)]
pub struct RawCaller {
    scheme: &'static str,
    manager: Manager<Counted>,
    counted: Counted,
    limits: Limits,
}

impl RawCaller {
    /// Sends questions to hosts of `scheme`, which `net` reaches.
    pub fn by(net: NetConnector, scheme: &'static str, limits: Limits) -> Self {
        let counted = Counted::by(net);
        let manager = Manager::builder()
            .max_per_host(limits.max_per_host)
            .max_open(limits.max_open)
            .timeout(limits.timeout)
            .keep_alive(Duration::from_secs(3600))
            .connector(counted.clone());
        Self {
            scheme,
            manager: manager.build().expect("limits that can work"),
            counted,
            limits,
        }
    }

    fn request(&self, port: u16) -> Request {
        Request::new(self.scheme, "127.0.0.1", port).expect("a request")
    }
}

impl Caller for RawCaller {
    const PROTOCOL: Protocol = Protocol::Line;

    fn new(limits: Limits) -> Self {
        Self::by(NetConnector::new(), "ask", limits)
    }

    async fn ask(&self, question: Question<'_>) -> (Ending, Late) {
        let request = self.request(question.port);
        let asked = Instant::now();
        let allocated = self.manager.allocate(request).await;
        let late = late(asked, self.limits);
        let mut lease = match allocated {
            Ok(lease) => lease,
            Err(error) => return (not_connected(&error), late),
        };
        let handed_out = HandedOut {
            at: asked + lease.timing().total(),
            reused: lease.from_cache().is_some(),
        };
        let exchange = exchange(&mut lease, &question, handed_out);
        let ending = match timeout(self.limits.patience, exchange).await {
            Ok(Ok(ending)) => ending,
            Ok(Err(error)) => Ending::Broken(format!("{:?}", error.kind())),
            Err(_) => Ending::Impatient,
        };
        match (&ending, question.way % 8) {
            (Ending::Answered, 2..) => lease.free(),
            (Ending::Answered, 1) => lease.close(),
            _ => drop(lease),
        }
        (ending, late)
    }

    async fn hold(&self, port: u16) -> Option<Box<dyn Send>> {
        let lease = self.manager.allocate(self.request(port)).await.ok()?;
        Some(Box::new(lease))
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn counted(&self) -> &Counted {
        &self.counted
    }

    fn totals(&self) -> Counts {
        self.manager.totals()
    }

    async fn shut_down(&self, limit: Duration) -> usize {
        self.manager.shutdown().within(limit).await
    }
}

/// Asks once or twice. It reads the end of the line byte by byte, so that bytes after it stay in
/// the socket for the manager to find.
async fn exchange(
    lease: &mut Lease<Counted>,
    question: &Question<'_>,
    mut handed_out: HandedOut,
) -> io::Result<Ending> {
    let mut number = None;
    for turn in 0..1 + question.way / 8 % 2 {
        let question = Question {
            nonce: question.nonce + turn,
            ..*question
        };
        let line = format!("ask {} {}\n", question.nonce, question.size);
        lease.write_all(line.as_bytes()).await?;
        let text = read_line(lease, question.size).await?;
        match judge(&text, &question, handed_out, &mut number) {
            Ending::Answered => {}
            other => return Ok(other),
        }
        // This client itself must notice bytes that come before its second turn.
        handed_out.reused = false;
    }
    Ok(Ending::Answered)
}

async fn read_line(lease: &mut Lease<Counted>, size: usize) -> io::Result<String> {
    let mut line = vec![0; size];
    let mut length = 0;
    // A stray answer may be shorter than the expected one.
    while length < size && !line[..length].contains(&b'\n') {
        length += match lease.read(&mut line[length..]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => n,
        };
    }
    line.truncate(length);
    if let Some(end) = line.iter().position(|&byte| byte == b'\n') {
        line.truncate(end);
        return Ok(String::from_utf8_lossy(&line).into_owned());
    }
    loop {
        match lease.read_u8().await? {
            b'\n' => return Ok(String::from_utf8_lossy(&line).into_owned()),
            byte => line.push(byte),
        }
    }
}
