//! The connection that all contenders hand out in the rows without a network.

use std::hint::black_box;
use std::mem::size_of;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Waker};

/// Bytes of a [`Payload`], which row f subtracts for each connection.
pub const PAYLOAD: usize = 80;

const _: () = assert!(size_of::<Payload>() == PAYLOAD);

/// A connection without a network: 64 bytes, and room for the waker of a task that watches it.
///
/// The type is the same for all contenders, so that all move the same number of bytes; only
/// `keepalive` watches connections and uses the second part.
pub struct Payload {
    number: u32,
    host: u32,
    used: bool,
    bytes: [u8; 55],
    watcher: Option<Waker>,
}

impl Payload {
    /// Which of the connections opened it is.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Begins a use, and checks that the connection is of the right host and nobody else's.
    pub fn begin(&mut self, host: u32) {
        assert_eq!(self.host, host, "the connection is of another host");
        assert!(!self.used, "somebody else has the connection");
        self.used = true;
        black_box(&mut self.bytes);
    }

    /// Ends a use.
    pub fn end(&mut self) {
        assert!(self.used, "the connection was used by somebody else");
        self.used = false;
        black_box(&mut self.bytes);
    }

    /// Keeps the waker as a socket's registration does: it is cloned when it is another.
    pub fn watch(&mut self, context: &mut Context<'_>) {
        match &self.watcher {
            Some(watcher) if watcher.will_wake(context.waker()) => {}
            _ => self.watcher = Some(context.waker().clone()),
        }
    }
}

/// Opens payloads, and counts them.
#[derive(Clone, Default)]
pub struct Opener {
    opened: Arc<AtomicU32>,
}

impl Opener {
    /// A new connection to `host`.
    pub fn open(&self, host: u32) -> Payload {
        Payload {
            number: self.opened.fetch_add(1, Ordering::Relaxed),
            host,
            used: false,
            bytes: [0; 55],
            watcher: None,
        }
    }

    /// How many have been opened.
    pub fn opened(&self) -> u32 {
        self.opened.load(Ordering::Relaxed)
    }
}
