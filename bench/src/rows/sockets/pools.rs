//! The contenders of row g.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use keepalive::{Manager, Request};
use tokio::net::TcpStream;

use super::{MESSAGE, Streams, TASKS, connect, exchange, still_silent};
use crate::contenders::Role;

/// Opens streams for a pool, and counts them.
#[derive(Clone)]
struct Opener {
    server: SocketAddr,
    opened: Arc<AtomicU64>,
}

impl Opener {
    fn new(server: SocketAddr) -> Self {
        Self {
            server,
            opened: Arc::default(),
        }
    }

    async fn open(&self) -> io::Result<TcpStream> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        connect(self.server).await
    }

    fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }
}

/// No pool: each task has a socket of its own.
#[derive(Clone)]
pub(super) struct Bare {
    opener: Opener,
}

impl Streams for Bare {
    const NAME: &'static str = "a socket per task";
    const ROLE: Role = Role::Bound;
    type Own = Option<TcpStream>;

    fn new(server: SocketAddr) -> Self {
        let opener = Opener::new(server);
        Self { opener }
    }

    async fn exchange(&self, own: &mut Option<TcpStream>, message: &[u8; MESSAGE]) -> Result<()> {
        if own.is_none() {
            *own = Some(self.opener.open().await?);
        }
        let stream = own.as_mut().expect("it was opened");
        exchange(stream, message).await
    }

    fn opened(&self) -> u64 {
        self.opener.opened()
    }
}

/// deadpool with a manager of streams.
#[derive(Clone)]
pub(super) struct DeadpoolStreams {
    pool: deadpool::managed::Pool<Opener>,
}

impl Streams for DeadpoolStreams {
    const NAME: &'static str = "deadpool";
    const ROLE: Role = Role::Peer;
    type Own = ();

    fn new(server: SocketAddr) -> Self {
        let pool = deadpool::managed::Pool::builder(Opener::new(server))
            .max_size(TASKS as usize)
            .build()
            .expect("no timeout is set, so no runtime is needed");
        Self { pool }
    }

    async fn exchange(&self, (): &mut (), message: &[u8; MESSAGE]) -> Result<()> {
        let mut stream = self.pool.get().await?;
        exchange(&mut *stream, message).await
    }

    fn opened(&self) -> u64 {
        self.pool.manager().opened()
    }
}

impl deadpool::managed::Manager for Opener {
    type Type = TcpStream;
    type Error = io::Error;

    async fn create(&self) -> io::Result<TcpStream> {
        self.open().await
    }

    async fn recycle(
        &self,
        stream: &mut TcpStream,
        _: &deadpool::managed::Metrics,
    ) -> deadpool::managed::RecycleResult<io::Error> {
        Ok(still_silent(stream)?)
    }
}

/// bb8 with a manager of streams.
#[derive(Clone)]
pub(super) struct Bb8Streams {
    pool: bb8::Pool<Opener>,
    opener: Opener,
}

impl Streams for Bb8Streams {
    const NAME: &'static str = "bb8";
    const ROLE: Role = Role::Peer;
    type Own = ();

    fn new(server: SocketAddr) -> Self {
        let opener = Opener::new(server);
        let pool = bb8::Pool::builder()
            .max_size(TASKS)
            .build_unchecked(opener.clone());
        Self { pool, opener }
    }

    async fn exchange(&self, (): &mut (), message: &[u8; MESSAGE]) -> Result<()> {
        let mut stream = self.pool.get().await?;
        exchange(&mut *stream, message).await
    }

    fn opened(&self) -> u64 {
        self.opener.opened()
    }
}

impl bb8::ManageConnection for Opener {
    type Connection = TcpStream;
    type Error = io::Error;

    fn connect(&self) -> impl Future<Output = io::Result<TcpStream>> + Send {
        self.open()
    }

    async fn is_valid(&self, stream: &mut TcpStream) -> io::Result<()> {
        still_silent(stream)
    }

    fn has_broken(&self, _: &mut TcpStream) -> bool {
        false
    }
}

/// This project's manager, with its own connector.
#[derive(Clone)]
pub(super) struct KeepaliveStreams {
    manager: Manager,
    request: Request,
}

impl Streams for KeepaliveStreams {
    const NAME: &'static str = "keepalive";
    const ROLE: Role = Role::Ours;
    type Own = ();

    fn new(server: SocketAddr) -> Self {
        let most = TASKS as usize;
        let manager = Manager::builder().max_per_host(most).max_open(most).build();
        let request = Request::new("echo", server.ip().to_string(), server.port());
        Self {
            manager: manager.expect("the settings can work"),
            request: request.expect("the address is one"),
        }
    }

    async fn exchange(&self, (): &mut (), message: &[u8; MESSAGE]) -> Result<()> {
        let mut lease = self.manager.lease(&self.request).await?;
        exchange(&mut lease, message).await?;
        lease.free();
        Ok(())
    }

    fn opened(&self) -> u64 {
        self.manager.totals().opened
    }
}
