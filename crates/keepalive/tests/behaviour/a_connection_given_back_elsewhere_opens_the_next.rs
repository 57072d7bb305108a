//! A lease that is given back where there is no runtime lets the manager's own open the next.

use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use keepalive::{Attempt, ConnectError, Connection, Connector, Lease, Manager, Request, Unusable};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::support::run;

struct Tells;

/// Where it was opened.
struct Wire(Handle);

impl Connector for Tells {
    type Connection = Wire;

    async fn connect(&self, attempt: &Attempt) -> Result<Wire, ConnectError> {
        if attempt.host().scheme() == "slow" {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(Wire(Handle::current()))
    }
}

impl Connection for Wire {
    fn poll_unusable(&mut self, _: &mut Context<'_>) -> Poll<Unusable> {
        Poll::Pending
    }

    fn check(&mut self) -> Result<(), Unusable> {
        Ok(())
    }
}

fn elsewhere(give_back: fn(Lease<Tells>)) {
    run(async || {
        let manager = Manager::builder().connector(Tells).max_open(1).build();
        let manager = manager.expect("the settings can work");
        let request = |scheme| Request::new(scheme, "127.0.0.1", 1).expect("a request");
        for scheme in ["quick", "slow"] {
            let lease = manager
                .allocate(request("first"))
                .await
                .expect("a connection");
            let waiting = manager.allocate(request(scheme));
            let thread = thread::spawn(move || {
                assert!(Handle::try_current().is_err());
                give_back(lease);
            });
            thread.join().expect("it is given back");
            let lease = timeout(Duration::from_secs(20), waiting)
                .await
                .expect("in time");
            let lease = lease.expect("a connection");
            assert_eq!(lease.0.id(), Handle::current().id());
            lease.close();
        }
    });
}

#[test]
fn a_lease_that_is_given_back_elsewhere_opens_the_next() {
    elsewhere(Lease::free);
}

#[test]
fn a_lease_that_is_dropped_elsewhere_opens_the_next() {
    elsewhere(drop);
}

#[test]
fn a_lease_that_is_dropped_in_a_panic_opens_the_next() {
    elsewhere(|lease| {
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _lease = lease;
            panic!("as planned");
        }));
        assert!(panicked.is_err());
    });
}
