//! A connector that can be watched and held back.

use std::sync::Arc;
use std::task::{Context, Poll};

use keepalive::{
    Attempt, ConnectError, Connection, Connector, NetConnector, NetStream, Phase, Unusable,
};
use tokio::sync::Semaphore;

use super::{Entered, Gauge};

/// Connects as [`NetConnector`] does, once its gate lets an attempt pass. Its counts cover a socket
/// from before its creation until after its close.
#[derive(Clone)]
pub(crate) struct Probe {
    /// Attempts under way.
    pub(crate) attempts: Gauge,
    /// Attempts under way, and connections.
    pub(crate) open: Gauge,
    phase: Phase,
    gate: Arc<Semaphore>,
    net: Arc<NetConnector>,
}

impl Probe {
    /// Lets every attempt pass.
    pub(crate) fn open() -> Self {
        let probe = Self::closed();
        probe.pass(Semaphore::MAX_PERMITS);
        probe
    }

    /// Holds every attempt back, in the phase of connecting.
    pub(crate) fn closed() -> Self {
        Self::closed_in(Phase::Connect)
    }

    pub(crate) fn closed_in(phase: Phase) -> Self {
        Self {
            attempts: Gauge::default(),
            open: Gauge::default(),
            phase,
            gate: Arc::new(Semaphore::new(0)),
            net: Arc::new(NetConnector::new()),
        }
    }

    /// Lets so many attempts pass.
    pub(crate) fn pass(&self, attempts: usize) {
        self.gate.add_permits(attempts);
    }
}

impl Connector for Probe {
    type Connection = Held;

    async fn connect(&self, attempt: &Attempt) -> Result<Held, ConnectError> {
        let open = self.open.enter();
        attempt.enter(self.phase);
        let _attempt = self.attempts.enter();
        self.gate
            .acquire()
            .await
            .expect("the gate is never closed for good")
            .forget();
        let stream = self.net.connect(attempt).await?;
        Ok(Held {
            stream,
            _open: open,
        })
    }
}

/// A socket that a [`Probe`] opened. Its drop comes before the count falls.
pub(crate) struct Held {
    pub(crate) stream: NetStream,
    _open: Entered,
}

impl Connection for Held {
    fn poll_unusable(&mut self, cx: &mut Context<'_>) -> Poll<Unusable> {
        self.stream.poll_unusable(cx)
    }

    fn check(&mut self) -> Result<(), Unusable> {
        self.stream.check()
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.stream.poll_close(cx)
    }
}
