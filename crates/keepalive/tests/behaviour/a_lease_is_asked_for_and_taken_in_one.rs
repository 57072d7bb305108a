//! R8, T3: `lease` takes an idle connection or waits in turn, and dropping it cancels the request.

use std::pin::pin;

use crate::support::{Server, echo, poll_once, run};
use keepalive::{FromCache, Manager, Request};

#[test]
fn what_is_idle_is_taken_at_the_first_poll() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        let request = server.request();

        let mut lease = manager.lease(&request).await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "first").await;
        lease.free();

        let poll = poll_once(pin!(manager.lease(&request)));
        let std::task::Poll::Ready(Ok(mut lease)) = poll else {
            panic!("it is there: {poll:?}");
        };
        assert_eq!(lease.from_cache(), Some(FromCache::Immediate));
        assert_eq!(manager.totals().reused_immediate, 1);
        let line = manager.leases()[0].location;
        assert!(line.file().ends_with("taken_in_one.rs"), "{line}");
        echo(&mut lease, "second").await;
        lease.free();
        assert_eq!(manager.totals().idle, 1);
    });
}

#[test]
fn it_waits_in_turn_and_a_dropped_one_is_forgotten() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_per_host(1).build().unwrap();
        let request: Request = server.request();
        let held = manager.lease(&request).await.unwrap();

        let mut impatient = Box::pin(manager.lease(&request));
        assert!(poll_once(impatient.as_mut()).is_pending());
        let mut patient = pin!(manager.lease(&request));
        assert!(poll_once(patient.as_mut()).is_pending());
        assert_eq!(manager.totals().waiting, 2);

        drop(impatient);
        assert_eq!(manager.totals().cancelled, 1);
        held.free();
        let lease = patient.await.unwrap();
        assert_eq!(lease.from_cache(), Some(FromCache::Deferred));
    });
}

#[test]
fn nothing_is_asked_before_it_is_polled() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        let request = server.request();
        drop(manager.lease(&request));
        let totals = manager.totals();
        assert_eq!((totals.waiting, totals.cancelled, totals.open), (0, 0, 0));
    });
}
