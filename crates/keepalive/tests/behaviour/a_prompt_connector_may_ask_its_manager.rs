use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use keepalive::{
    Attempt, ConnectError, Connection, Connector, Host, Lease, Manager, Request, Unusable,
};
use tokio::time::timeout;

use crate::support::run;

/// Reaches each host through the one before.
#[derive(Clone, Default)]
struct Chain(Arc<Inner>);

#[derive(Default)]
struct Inner {
    manager: OnceLock<Weak<Manager<Chain>>>,
    deepest: AtomicUsize,
}

thread_local! {
    /// How many calls of `connect` there are on the stack.
    static WITHIN: Cell<usize> = const { Cell::new(0) };
}

struct Link {
    _before: Option<Lease<Chain>>,
}

impl Connector for Chain {
    type Connection = Link;

    async fn connect(&self, attempt: &Attempt) -> Result<Link, ConnectError> {
        let number = attempt.host().port();
        let before = (number > 1).then(|| {
            WITHIN.set(WITHIN.get() + 1);
            self.0.deepest.fetch_max(WITHIN.get(), SeqCst);
            let manager = self.0.manager.get().and_then(Weak::upgrade);
            let pending = manager.expect("it is there").allocate(request(number - 1));
            WITHIN.set(WITHIN.get() - 1);
            pending
        });
        let before = match before {
            Some(pending) => Some(pending.await.expect("a connection")),
            None => None,
        };
        Ok(Link { _before: before })
    }

    fn is_prompt(&self, _: &Host) -> bool {
        true
    }
}

impl Connection for Link {
    fn poll_unusable(&mut self, _: &mut Context<'_>) -> Poll<Unusable> {
        Poll::Pending
    }

    fn check(&mut self) -> Result<(), Unusable> {
        Ok(())
    }
}

fn request(number: u16) -> Request {
    Request::new("chain", "127.0.0.1", number).expect("a request")
}

#[test]
fn a_prompt_connector_may_ask_its_manager() {
    run(async || {
        let chain = Chain::default();
        let manager = Manager::builder().connector(chain.clone()).build().unwrap();
        let manager = Arc::new(manager);
        chain.0.manager.set(Arc::downgrade(&manager)).unwrap();
        let pending = manager.allocate(request(100));
        let lease = timeout(Duration::from_secs(20), pending).await.unwrap();
        assert_eq!(manager.totals().leased, 100);
        // One in a task, and one that it begins itself.
        assert!(chain.0.deepest.load(SeqCst) <= 2);
        drop(lease.unwrap());
        assert_eq!(manager.totals().leased, 0);
    });
}
