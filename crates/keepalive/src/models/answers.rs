//! Cells: the owner of a connection between its answer and its user.

use loom::future::block_on;
use loom::thread;

use super::rig::{Rig, answer, explore};
use crate::api::error::ErrorKind;
use crate::api::lease::PendingAnswer;
use crate::api::mailbox::Mailbox;
use crate::driver::ShardRef;

#[test]
fn a_waiter_is_woken_by_its_answer() {
    explore(|| {
        let rig = Rig::with_one_permit();
        let pending = rig.ask(rig.request(0));
        let connecting = rig.beside(|rig| rig.runtime.run());
        block_on(pending).expect("a connection").free();
        connecting.join().expect("connected");
        assert_eq!(rig.rest(), 1);
    });
}

#[test]
fn a_letter_is_posted_when_its_answer_is_there() {
    explore(|| {
        let rig = Rig::with_one_permit();
        let lease = rig.lease(rig.request(0));
        let freeing = thread::spawn(move || lease.free());
        let (mailbox, mut responses) = Mailbox::pair();
        let request = rig.request(0);
        let here = std::panic::Location::caller();
        let answer = PendingAnswer::new(&ShardRef::new(&rig.driver), &request, here);
        mailbox.address(answer, request, "event".into(), ());
        drop(mailbox);
        let response = block_on(responses.recv()).expect("one request was made");
        response.into_result().expect("a connection").free();
        assert!(block_on(responses.recv()).is_none(), "R6");
        freeing.join().expect("freed");
        assert_eq!(rig.rest(), 1);
    });
}

#[test]
fn a_connection_is_there_when_its_answer_is() {
    explore(|| {
        let rig = Rig::with_one_permit();
        let lease = rig.lease(rig.request(0));
        let pending = rig.ask(rig.request(0));
        let freeing = thread::spawn(move || lease.free());
        block_on(pending).expect("a connection").free();
        freeing.join().expect("freed");
        assert_eq!(rig.rest(), 1);
    });
}

#[test]
fn a_withdrawn_request_keeps_no_connection() {
    explore(|| {
        let rig = Rig::with_one_permit();
        let lease = rig.lease(rig.request(0));
        let first = rig.ask(rig.request(0));
        let mut second = rig.ask(rig.request(0));
        let freeing = thread::spawn(move || lease.free());
        drop(first);
        freeing.join().expect("freed");
        let lease = answer(&mut second).expect("T3").expect("a connection");
        lease.free();
        assert_eq!(rig.rest(), 1);
    });
}

#[test]
fn a_request_is_cancelled_or_served() {
    explore(|| {
        let rig = Rig::with_one_permit();
        rig.idle(rig.request(0));
        let pending = rig.ask(rig.request(0));
        let id = pending.id();
        let cancelling = rig.beside(move |rig| rig.driver.cancel(id));
        let answer = block_on(pending);
        let cancelled = cancelling.join().expect("cancelled, or too late");
        match answer {
            Ok(lease) => {
                assert!(!cancelled, "R6");
                lease.free();
            }
            Err(error) => {
                assert!(cancelled && error.kind() == ErrorKind::Cancelled, "R6");
            }
        }
        assert_eq!(rig.rest(), 1);
    });
}
