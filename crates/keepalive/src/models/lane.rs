//! Lanes, whose connections change hands beside their shard.

use loom::thread;

use super::rig::{Rig, answer, explore};
use crate::api::request::Request;

#[test]
fn a_connection_in_a_lane_makes_room_for_another_shard() {
    explore(|| {
        let rig = Rig::with_one_slot();
        let request = warm(&rig);
        let asking = {
            let rig = rig.clone();
            thread::spawn(move || rig.ask(rig.request(1)))
        };
        if let Some(lease) = rig.hit(&request) {
            lease.free();
        }
        let mut pending = asking.join().expect("asked");
        rig.runtime.run();
        assert!(matches!(answer(&mut pending), Some(Ok(_))), "L4");
        rig.rest();
    });
}

#[test]
fn a_request_that_waits_gets_the_connection_that_returns_to_its_lane() {
    explore(|| {
        let rig = Rig::new(|settings| settings.max_per_host = 1);
        let request = warm(&rig);
        let lease = rig.hit(&request).expect("a hit");
        let waiting = {
            let (rig, request) = (rig.clone(), request.clone());
            thread::spawn(move || rig.take(&request).free())
        };
        lease.free();
        waiting.join().expect("L5");
        assert_eq!(rig.rest(), 1);
    });
}

#[test]
fn a_lane_gives_a_connection_to_one_user() {
    explore(|| {
        let rig = Rig::new(|settings| settings.max_per_host = 1);
        let request = warm(&rig);
        let hitting = {
            let (rig, request) = (rig.clone(), request.clone());
            thread::spawn(move || rig.hit(&request))
        };
        let leases = [rig.hit(&request), hitting.join().expect("it asked")];
        assert_eq!(leases.iter().flatten().count(), 1, "L1");
        leases.into_iter().flatten().for_each(|lease| lease.free());
        assert_eq!(rig.rest(), 1, "L1");
    });
}

#[test]
fn a_connection_that_returns_to_its_lane_as_its_peer_closes_it_goes() {
    explore(|| {
        let rig = Rig::new(|_| {});
        let request = warm(&rig);
        let lease = rig.hit(&request).expect("a hit");
        let closing = {
            let rig = rig.clone();
            thread::spawn(move || {
                rig.mock.close();
                rig.runtime.run();
            })
        };
        lease.free();
        closing.join().expect("all are closed");
        rig.runtime.run();
        assert_eq!(rig.rest(), 0, "C3");
    });
}

#[test]
fn a_shutdown_closes_what_is_in_a_lane() {
    explore(|| {
        let rig = Rig::new(|_| {});
        let request = warm(&rig);
        let ending = {
            let rig = rig.clone();
            thread::spawn(move || rig.driver.shut_down())
        };
        if let Some(lease) = rig.hit(&request) {
            lease.free();
        }
        ending.join().expect("it ended");
        rig.runtime.run();
        assert_eq!(rig.rest(), 0, "C7");
    });
}

#[test]
fn a_lane_outlives_no_runtime() {
    explore(|| {
        let rig = Rig::new(|settings| settings.keep_unneeded_attempts = false);
        let request = warm(&rig);
        let losing = {
            let rig = rig.clone();
            thread::spawn(move || rig.driver.runtime_lost(1))
        };
        if let Some(lease) = rig.hit(&request) {
            lease.free();
        }
        losing.join().expect("it is lost");
        rig.runtime.run();
        assert_eq!(rig.rest(), 0, "M4");
    });
}

/// A request whose host has one connection, in its lane.
fn warm(rig: &Rig) -> Request {
    let request = rig.request(0);
    rig.idle(request.clone());
    rig.hit(&request).expect("a hit").free();
    let lane = request.lane(&rig.driver);
    assert!(lane.is_some_and(|lane| lane.looks_open()));
    request
}
