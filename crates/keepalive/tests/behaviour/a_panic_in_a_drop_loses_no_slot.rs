//! E3: a value from the user may panic when it is dropped; the slot still comes back.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};

use crate::support::{Mock, host, run};
use keepalive::{Attempt, ConnectError, Connection, Connector, Manager, Unusable};

struct Bad;

impl Drop for Bad {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("as planned");
        }
    }
}

#[test]
fn a_context_whose_mailbox_is_closed() {
    run(async || {
        let manager = Manager::builder().connector(Mock::new()).max_per_host(1);
        let manager = manager.build().unwrap();
        let held = manager.allocate(host(0)).await.unwrap();
        let (mailbox, responses) = manager.mailbox();
        let asked = manager.allocate_to(&mailbox, host(0), "event", Bad);
        assert!(asked.is_ok());
        drop(responses);
        held.free();
        assert_eq!(manager.totals().leased, 0);
        manager.allocate(host(0)).await.unwrap().free();
    });
}

struct BadError(Bad);

impl fmt::Debug for BadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bad")
    }
}

impl fmt::Display for BadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bad")
    }
}

impl std::error::Error for BadError {}

#[test]
fn an_error_that_nobody_is_told() {
    run(async || {
        let attempts = AtomicUsize::new(0);
        let mock = Mock::new().connect(move || match attempts.fetch_add(1, SeqCst) {
            0 => Poll::Ready(Err(ConnectError::new("connect", BadError(Bad)))),
            _ => Poll::Ready(Ok(())),
        });
        let manager = Manager::builder()
            .connector(mock)
            .max_open(1)
            .build()
            .unwrap();
        let (mailbox, responses) = manager.mailbox();
        let asked = manager.allocate_to(&mailbox, host(0), "event", ());
        assert!(asked.is_ok());
        drop(responses);
        let others: Vec<_> = (1..20).map(|n| manager.allocate(host(n))).collect();
        for other in others {
            drop(other.await.unwrap());
        }
    });
}

/// Connections whose handles panic when they are dropped, with a capacity that can be set.
#[derive(Clone)]
struct Handles(Arc<AtomicUsize>);

struct Handle {
    capacity: Arc<AtomicUsize>,
    _bad: Option<Bad>,
}

impl Connector for Handles {
    type Connection = Handle;

    async fn connect(&self, _: &Attempt) -> Result<Handle, ConnectError> {
        let capacity = Arc::clone(&self.0);
        Ok(Handle {
            capacity,
            _bad: None,
        })
    }
}

impl Connection for Handle {
    fn poll_unusable(&mut self, _: &mut Context<'_>) -> Poll<Unusable> {
        Poll::Pending
    }

    fn check(&mut self) -> Result<(), Unusable> {
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.capacity.load(SeqCst)
    }

    fn share(&self) -> Option<Self> {
        Some(Self {
            capacity: Arc::clone(&self.capacity),
            _bad: Some(Bad),
        })
    }
}

#[test]
fn a_handle_of_a_connection_that_comes_to_carry_several() {
    run(async || {
        let capacity = Arc::new(AtomicUsize::new(1));
        let connector = Handles(Arc::clone(&capacity));
        let manager = Manager::builder().connector(connector).max_per_host(1);
        let manager = manager.build().unwrap();
        let lease = manager.allocate(host(0)).await.unwrap();
        capacity.store(2, SeqCst);
        lease.free();
        assert_eq!(manager.totals().leased, 0);
        manager.allocate(host(0)).await.unwrap().free();
        assert_eq!(manager.totals().leased, 0);
    });
}
