//! Row h: connections that are opened, and closed without having been used.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use keepalive::{Manager, Request};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::child::Server;
use crate::clock::processor_time;
use crate::contenders::Role;
use crate::measure::{Subject, interleave};
use crate::progress::Progress;
use crate::report::grouped;
use crate::runtime;
use crate::table::{Better, Table};

const CONNECTS: u32 = 10_000;
const AT_ONCE: u32 = 256;

/// Addresses that are connected to in turn, so that local ports suffice.
const ADDRESSES: u32 = 8;

/// A way to open a connection.
trait Dialer: Send + Sync + 'static {
    const NAME: &'static str;
    const ROLE: Role;

    fn new(port: u16) -> Self;

    /// Opens a connection to one of the addresses, and closes it at once.
    fn dial(&self, address: u32) -> impl Future<Output = Result<()>> + Send;

    /// How many connections have been opened, if it is counted.
    fn opened(&self) -> Option<u64>;
}

/// Row h.
pub(super) fn measure(rounds: usize, progress: &Progress) -> Result<Vec<Table>> {
    let server = Server::start("accept")?;
    let mut subjects: Vec<Box<dyn Subject>> = vec![
        Box::new(Dialling::<Bare>::new(server.port())),
        Box::new(Dialling::<Managed>::new(server.port())),
    ];
    for subject in &mut subjects {
        subject.measure().context("while warming up")?;
    }
    let lines = interleave(&mut subjects, rounds, progress)?;
    let connects = grouped(CONNECTS.into());
    let title = format!("{connects} TCP connects over loopback, {AT_ONCE} at a time on 2 workers");
    let heads = [
        ("h-rate", "connects per second", Better::Higher),
        ("h-cpu", "us of processor time per connect", Better::Lower),
    ];
    let tables = heads
        .into_iter()
        .zip(lines)
        .map(|((id, unit, better), lines)| Table {
            id,
            title: title.clone(),
            unit,
            better,
            reference: Some(Bare::NAME.to_owned()),
            lines,
            notes: vec![],
        });
    Ok(tables.collect())
}

struct Dialling<D> {
    runtime: Runtime,
    dialer: Arc<D>,
}

impl<D: Dialer> Dialling<D> {
    fn new(port: u16) -> Self {
        Self {
            runtime: runtime::with_workers(2),
            dialer: Arc::new(D::new(port)),
        }
    }

    fn run(&self) -> Result<()> {
        let next = Arc::new(AtomicU32::new(0));
        let tasks = (0..AT_ONCE).map(|_| {
            let task = dial_all(Arc::clone(&self.dialer), Arc::clone(&next));
            self.runtime.spawn(task)
        });
        let tasks: Vec<_> = tasks.collect();
        self.runtime.block_on(async {
            for task in tasks {
                task.await??;
            }
            Ok(())
        })
    }
}

impl<D: Dialer> Subject for Dialling<D> {
    fn name(&self) -> String {
        D::NAME.to_owned()
    }

    fn role(&self) -> Role {
        D::ROLE
    }

    fn measure(&mut self) -> Result<Vec<f64>> {
        let before = self.dialer.opened();
        let (start, processor) = (Instant::now(), processor_time());
        self.run()?;
        let taken = start.elapsed().as_secs_f64();
        let processor = processor_time().saturating_sub(processor).as_secs_f64();
        if let (Some(before), Some(after)) = (before, self.dialer.opened()) {
            ensure!(
                after - before == u64::from(CONNECTS),
                "{} connects",
                after - before
            );
        }
        let connects = f64::from(CONNECTS);
        Ok(vec![connects / taken, processor * 1e6 / connects])
    }
}

async fn dial_all<D: Dialer>(dialer: Arc<D>, next: Arc<AtomicU32>) -> Result<()> {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= CONNECTS {
            return Ok(());
        }
        dialer.dial(number % ADDRESSES).await?;
    }
}

/// tokio alone.
struct Bare {
    port: u16,
}

impl Dialer for Bare {
    const NAME: &'static str = "tokio alone";
    const ROLE: Role = Role::Bound;

    fn new(port: u16) -> Self {
        Self { port }
    }

    async fn dial(&self, address: u32) -> Result<()> {
        let stream = TcpStream::connect((loopback(address), self.port)).await?;
        stream.set_nodelay(true)?; // as the manager does
        stream.set_zero_linger()?;
        Ok(())
    }

    fn opened(&self) -> Option<u64> {
        None
    }
}

/// This project's manager, told to keep nothing.
struct Managed {
    manager: Manager,
    requests: Vec<Request>,
}

impl Dialer for Managed {
    const NAME: &'static str = "keepalive";
    const ROLE: Role = Role::Ours;

    fn new(port: u16) -> Self {
        let most = AT_ONCE as usize;
        let manager = Manager::builder()
            .max_per_host(most)
            .max_open(most)
            .keep_alive(Duration::ZERO)
            .build()
            .expect("the settings can work");
        let requests = (0..ADDRESSES).map(|address| {
            let address = SocketAddr::from((loopback(address), port));
            let request = Request::new("bench", address.ip().to_string(), address.port());
            request.expect("the address is one")
        });
        Self {
            manager,
            requests: requests.collect(),
        }
    }

    async fn dial(&self, address: u32) -> Result<()> {
        let request = &self.requests[address as usize];
        let lease = self.manager.lease(request).await?;
        let stream = lease.as_tcp().context("it is a TCP stream")?;
        stream.set_zero_linger()?;
        lease.close();
        Ok(())
    }

    fn opened(&self) -> Option<u64> {
        Some(self.manager.totals().opened)
    }
}

fn loopback(address: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + address)
}
