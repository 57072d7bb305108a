//! Attempts that are polled first by whoever begins them, as others end them.

use loom::thread;

use super::rig::{Rig, answer, explore};
use crate::runtime::simulated::Runtime;
use crate::sync::Arc;

#[test]
fn what_opens_at_once_as_the_manager_ends_is_closed() {
    explore(|| {
        let rig = prompt();
        let ending = shut_down(&rig);
        let mut pending = rig.ask(rig.request(0));
        ending.join().expect("shut down");
        let answer = answer(&mut pending);
        assert!(answer.is_some(), "C7");
        drop(answer);
        rig.runtime.run();
        assert_eq!(rig.rest(), 0, "C7");
    });
}

#[test]
fn what_has_to_wait_after_all_is_stopped_as_it_is_handed_on() {
    explore(|| {
        let rig = prompt();
        rig.mock.stick();
        let ending = shut_down(&rig);
        let mut pending = rig.ask(rig.request(0));
        ending.join().expect("shut down");
        rig.runtime.run();
        assert!(matches!(answer(&mut pending), Some(Err(_))), "C7");
        assert_eq!(rig.rest(), 0, "C7");
    });
}

#[test]
fn what_fails_at_once_as_the_manager_ends_is_answered() {
    explore(|| {
        let rig = prompt();
        rig.mock.refuse();
        let ending = shut_down(&rig);
        let mut pending = rig.ask(rig.request(0));
        ending.join().expect("shut down");
        assert!(matches!(answer(&mut pending), Some(Err(_))), "L6, C7");
        rig.runtime.run();
        assert_eq!(rig.rest(), 0, "C7");
    });
}

#[test]
fn what_opens_at_once_as_its_runtime_goes_takes_no_slot() {
    explore(|| {
        let mut rig = prompt();
        let runtime = Arc::clone(&rig.runtime);
        rig.idle(rig.request(1));
        let ending = thread::spawn(move || runtime.shut_down());
        let mut pending = rig.ask(rig.request(0));
        ending.join().expect("it has gone");
        assert!(answer(&mut pending).is_some(), "M4");
        drop(pending);
        rig.runtime = Arc::new(Runtime::new());
        rig.runtime.enter();
        rig.idle(rig.request(0));
        rig.driver.shut_down();
        rig.runtime.run();
        assert_eq!(rig.rest(), 0, "M4");
    });
}

#[test]
fn what_has_to_wait_after_all_ends_with_its_runtime() {
    explore(|| {
        let rig = prompt();
        rig.mock.stick();
        let runtime = Arc::clone(&rig.runtime);
        let ending = thread::spawn(move || runtime.shut_down());
        let mut pending = rig.ask(rig.request(0));
        ending.join().expect("it has gone");
        // What was spawned meanwhile goes as well, as it would with tokio's.
        rig.runtime.shut_down();
        assert!(matches!(answer(&mut pending), Some(Err(_))), "M4");
        drop(pending);
        assert_eq!(rig.rest(), 0, "M4");
    });
}

#[test]
fn what_opens_at_once_as_another_leaves_serves_who_is_left() {
    explore(|| {
        let rig = Rig::with_one_slot();
        rig.mock.hurry();
        let lease = rig.lease(rig.request(0));
        let mut waiting = rig.ask(rig.request(0));
        let mut other = rig.ask(rig.request(1));
        // What is closed here makes room, and an attempt begins on this thread.
        let closing = thread::spawn(move || drop(lease));
        let gone = answer(&mut waiting);
        drop((gone, waiting));
        closing.join().expect("closed");
        rig.runtime.run();
        assert!(matches!(answer(&mut other), Some(Ok(_))), "L4");
        assert!(rig.rest() <= 1, "L1");
    });
}

fn prompt() -> Rig {
    let rig = Rig::new(|_| {});
    rig.mock.hurry();
    rig
}

fn shut_down(rig: &Rig) -> thread::JoinHandle<()> {
    let rig = rig.clone();
    thread::spawn(move || rig.driver.shut_down())
}
