//! Shutdown, and the loss of the runtime.

use std::time::Duration;

use loom::future::block_on;
use loom::thread;

use super::rig::{Rig, answer, explore};
use crate::runtime::simulated::Runtime;
use crate::sync::Arc;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_end_of_a_runtime_spares_the_next() {
    explore(|| {
        let mut rig = Rig::new(|_| {});
        rig.mock.stick();
        let attended = rig.ask(rig.request(0));
        rig.runtime.run();
        let old = replace_runtime(&mut rig);
        // Its maintenance task and its attempt both report its end.
        let ending = thread::spawn(move || old.shut_down());
        let pending = rig.ask(rig.request(1));
        ending.join().expect("the old one is gone");
        if rig.runtime.tasks() > 0 {
            assert!(
                rig.driver.home.runtime().is_some(),
                "M4: the new one is kept"
            );
        }
        drop((attended, pending));
        rig.runtime.run();
        assert_eq!(rig.rest(), 0);
    });
}

#[test]
fn a_request_that_comes_as_its_runtime_goes_is_answered() {
    explore(|| {
        let mut rig = Rig::new(|settings| settings.max_per_host = 1);
        let _lease = rig.lease(rig.request(0));
        let old = replace_runtime(&mut rig);
        let ending = thread::spawn(move || old.shut_down());
        let mut pending = rig.ask(rig.request(0).timeout(SECOND));
        ending.join().expect("the old one is gone");
        rig.runtime.run();
        rig.pass(SECOND);
        assert!(answer(&mut pending).is_some(), "M4, T1");
    });
}

#[test]
fn the_loss_of_a_runtime_ends_no_request_of_the_next() {
    explore(|| {
        let mut rig = Rig::new(|_| {});
        rig.idle(rig.request(0));
        let old = replace_runtime(&mut rig);
        let ending = thread::spawn(move || old.shut_down());
        let mut pending = rig.ask(rig.request(1));
        let carried = rig.runtime.tasks() > 0;
        ending.join().expect("the old one is gone");
        rig.runtime.run();
        if carried {
            assert!(matches!(answer(&mut pending), Some(Ok(_))), "M4");
        }
        rig.rest();
    });
}

#[test]
fn a_move_of_the_home_spares_the_attempts_that_began_on_the_new_one() {
    explore(|| {
        let own = Arc::new(Runtime::new());
        own.provide();
        let mut rig = Rig::with_one_permit();
        let lease = rig.lease(rig.request(1));
        let mut pending = rig.ask(rig.request(0));
        let old = replace_runtime(&mut rig);
        // The permit becomes free, so the waiting request's attempt begins: before, within or after
        // the move.
        let freeing = {
            let own = Arc::clone(&own);
            thread::spawn(move || {
                drop(lease);
                old.run();
                own.run();
            })
        };
        let elsewhere = rig.ask(rig.request(1));
        freeing.join().expect("the permit is free");
        own.run();
        let home = rig.driver.home.runtime().expect("M4: the new one is kept");
        assert_eq!(home.0, 2, "M4: the home has moved once");
        // A connection of the old home is not handed out, and its request goes behind the other.
        let answered = answer(&mut pending).or_else(|| {
            drop(elsewhere);
            own.run();
            answer(&mut pending)
        });
        assert!(matches!(answered, Some(Ok(_))), "M4");
        drop((answered, pending));
        own.run();
        rig.rest();
    });
}

#[test]
fn who_waits_for_the_end_is_told() {
    explore(|| {
        let rig = Rig::new(|_| {});
        let lease = rig.lease(rig.request(1));
        let closing = thread::spawn(move || drop(lease));
        rig.driver.shut_down();
        block_on(rig.driver.wait_until_closed());
        closing.join().expect("closed");
        assert_eq!(rig.rest(), 0, "C7");
    });
}

#[test]
fn a_task_that_is_stopped_as_it_starts_ends() {
    explore(|| {
        let rig = Rig::new(|_| {});
        rig.mock.stick();
        let ending = rig.beside(|rig| rig.driver.shut_down());
        let mut pending = rig.ask(rig.request(0));
        ending.join().expect("shut down");
        rig.runtime.run();
        assert_eq!(rig.rest(), 0, "C7");
        assert!(matches!(answer(&mut pending), Some(Err(_))), "C7");
    });
}

/// Replaces the current runtime by a new one; returns the old one.
fn replace_runtime(rig: &mut Rig) -> Arc<Runtime> {
    let old = std::mem::replace(&mut rig.runtime, Arc::new(Runtime::new()));
    rig.runtime.enter();
    old
}
