//! A connector that counts its connections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use keepalive::{Attempt, ConnectError, Connection, Connector, NetConnector, NetStream, Unusable};

use crate::net::gauge::{Entered, Gauge};

/// Connects as [`NetConnector`] does, and counts without a gap: from before the socket exists until
/// after it has gone.
#[derive(Clone, Default)]
pub struct Counted {
    all: Gauge,
    ports: Arc<Mutex<HashMap<u16, Gauge>>>,
    net: NetConnector,
}

impl Counted {
    pub fn by(net: NetConnector) -> Self {
        Self {
            net,
            ..Self::default()
        }
    }

    /// The connections opened to all hosts, and the most at once.
    pub fn all(&self) -> Gauge {
        self.all.clone()
    }

    /// The most connections at once to any one port.
    pub fn most_to_one(&self) -> usize {
        let ports = self.ports.lock().expect("no panic");
        ports
            .values()
            .map(|port| port.read().highest)
            .max()
            .unwrap_or(0)
    }

    fn port(&self, port: u16) -> Gauge {
        let mut ports = self.ports.lock().expect("no panic");
        ports.entry(port).or_default().clone()
    }
}

impl Connector for Counted {
    type Connection = CountedStream;

    async fn connect(&self, attempt: &Attempt) -> Result<CountedStream, ConnectError> {
        let entered = [self.all.enter(), self.port(attempt.host().port()).enter()];
        Ok(CountedStream {
            stream: self.net.connect(attempt).await?,
            _entered: entered,
        })
    }
}

/// A socket that is dropped before its gauge counts it out.
pub struct CountedStream {
    stream: NetStream,
    _entered: [Entered; 2],
}

impl Connection for CountedStream {
    fn poll_unusable(&mut self, context: &mut Context<'_>) -> Poll<Unusable> {
        self.stream.poll_unusable(context)
    }

    fn poll_retired(&mut self, context: &mut Context<'_>) -> Poll<Unusable> {
        self.stream.poll_retired(context)
    }

    fn check(&mut self) -> Result<(), Unusable> {
        self.stream.check()
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.stream.poll_close(context)
    }
}

crate::forward_io!(CountedStream, stream);
