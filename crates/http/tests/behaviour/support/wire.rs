//! Connections that are pipes within the process: written bytes can be read at once.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in what they share

use keepalive::{Attempt, ConnectError, Connector};
use keepalive_testkit::pipe::Pipe;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;

/// Opens pipes, and sends away their other ends.
pub(crate) struct Wire {
    ends: mpsc::UnboundedSender<DuplexStream>,
    /// The bytes that the other ends send first.
    greeting: Vec<u8>,
}

impl Wire {
    /// It, and where the other ends arrive.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<DuplexStream>) {
        let (ends, server) = mpsc::unbounded_channel();
        let greeting = Vec::new();
        (Self { ends, greeting }, server)
    }

    pub(crate) fn greeting(self, greeting: Vec<u8>) -> Self {
        Self { greeting, ..self }
    }
}

impl Connector for Wire {
    type Connection = Pipe;

    async fn connect(&self, _: &Attempt) -> Result<Pipe, ConnectError> {
        let (ours, mut theirs) = duplex(1024);
        theirs.write_all(&self.greeting).await.unwrap();
        self.ends.send(theirs).unwrap();
        Ok(Pipe(ours))
    }
}
