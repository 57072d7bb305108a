//! Counts connections that are open at once, as the peer sees them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::net::TcpStream;

use super::stream::is_hung_up;
use crate::wait::holds_within;

/// Connections that the client has not closed, counted whenever one more is accepted.
///
/// The count may be too high for a moment: a client's close may still be on its way when its next
/// connection arrives. So a count above `limit` is recorded only if it stays so for a while.
pub struct Crowd {
    limit: usize,
    most: AtomicUsize,
    members: Mutex<Vec<Weak<TcpStream>>>,
}

/// How long the close of a connection may take through the kernel of a loaded machine.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

impl Crowd {
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            most: AtomicUsize::new(0),
            members: Mutex::default(),
        })
    }

    /// The highest count.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    pub fn limit(&self) -> usize {
        self.limit
    }

    pub(super) async fn enter(&self, stream: &Arc<TcpStream>) {
        self.members
            .lock()
            .expect("no panic")
            .push(Arc::downgrade(stream));
        let mut count = 0;
        holds_within(ON_ITS_WAY, || {
            count = self.count();
            count <= self.limit
        })
        .await;
        self.most.fetch_max(count, Ordering::Relaxed);
    }

    fn count(&self) -> usize {
        let mut members = self.members.lock().expect("no panic");
        members.retain(|member| member.upgrade().is_some_and(|stream| !is_hung_up(&stream)));
        members.len()
    }
}
