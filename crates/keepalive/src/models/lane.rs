//! Lanes, whose connections change hands beside their shard.

use std::time::Duration;

use loom::future::block_on;

use super::rig::{Mock, Rig, answer, explore, leasing, look};
use super::watch::close;
use crate::api::lease::Lease;
use crate::api::request::Request;
use crate::driver::ShardRef;

#[test]
fn a_connection_in_a_lane_makes_room_for_another_shard() {
    explore(|| {
        let rig = Rig::with_one_permit();
        let request = warm(&rig);
        let asking = rig.beside(|rig| rig.ask(rig.request(1)));
        hit_once(&rig, &request);
        let mut pending = asking.join().expect("asked");
        rig.runtime.run();
        assert!(matches!(answer(&mut pending), Some(Ok(_))), "L4");
        rig.rest();
    });
}

#[test]
fn a_request_that_waits_gets_the_connection_that_returns_to_its_lane() {
    explore(|| {
        let (rig, request, lease) = one_in_use();
        let waiting = rig.beside(move |rig| rig.take(&request).free());
        lease.free();
        waiting.join().expect("L5");
        assert_eq!(rig.rest(), 1);
    });
}

#[test]
fn a_request_with_a_timeout_of_its_own_gets_the_connection_that_returns_to_its_lane() {
    explore(|| {
        let (rig, request, lease) = one_in_use();
        let request = request.timeout(Duration::from_secs(1));
        let waiting = rig.beside(move |rig| rig.take(&request).free());
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
        let same = request.clone();
        let hitting = rig.beside(move |rig| rig.hit(&same));
        let leases = [rig.hit(&request), hitting.join().expect("it asked")];
        assert_eq!(leases.iter().flatten().count(), 1, "L1");
        leases.into_iter().flatten().for_each(|lease| lease.free());
        assert_eq!(rig.rest(), 1, "L1");
    });
}

#[test]
fn a_request_that_waits_in_a_lane_is_woken() {
    explore(|| {
        let (rig, request, lease) = one_in_use();
        let shard_ref = ShardRef::new(&rig.driver);
        let mut waiting = leasing(&shard_ref, &request);
        assert!(look(&mut waiting).is_none(), "L1");
        let freeing = rig.beside(move |_| lease.free());
        block_on(&mut waiting).expect("L5").free();
        freeing.join().expect("it is given back");
        assert!(has_open_lane(&rig, &request));
        assert_eq!(rig.rest(), 1);
    });
}

#[test]
fn a_request_that_leaves_its_lane_keeps_no_connection() {
    explore(|| {
        let (rig, request, lease) = one_in_use();
        let shard_ref = ShardRef::new(&rig.driver);
        let [mut first, mut next] = [(); 2].map(|()| leasing(&shard_ref, &request));
        assert!(
            look(&mut first).is_none() && look(&mut next).is_none(),
            "L1"
        );
        let freeing = rig.beside(move |_| lease.free());
        drop(first);
        block_on(&mut next).expect("T3: its turn comes").free();
        freeing.join().expect("it is given back");
        assert!(rig.hit(&request).is_some());
        rig.runtime.run();
        rig.rest();
    });
}

#[test]
fn a_request_waits_on_when_its_lane_is_called_back() {
    explore(|| {
        let (rig, request, lease) = one_in_use();
        let shard_ref = ShardRef::new(&rig.driver);
        let mut waiting = leasing(&shard_ref, &request);
        assert!(look(&mut waiting).is_none(), "L1");
        let ticking = rig.beside(|rig| rig.driver.tick_all());
        lease.free();
        block_on(&mut waiting).expect("L5").free();
        ticking.join().expect("it has ticked");
        assert_eq!(rig.rest(), 1);
    });
}

#[test]
fn a_request_that_waits_in_a_lane_ends_with_its_manager() {
    explore(|| {
        let (rig, request, lease) = one_in_use();
        let shard_ref = ShardRef::new(&rig.driver);
        let mut waiting = leasing(&shard_ref, &request);
        assert!(look(&mut waiting).is_none(), "L1");
        let ending = rig.beside(|rig| rig.driver.shut_down());
        lease.free();
        if let Ok(lease) = block_on(&mut waiting) {
            lease.free();
        }
        ending.join().expect("it ended");
        rig.runtime.run();
        assert_eq!(rig.rest(), 0, "C7");
    });
}

#[test]
fn a_request_made_apart_uses_the_lane_of_its_host() {
    explore(|| {
        let rig = Rig::new(|_| {});
        let request = warm(&rig);
        let apart = rig.request(0);
        assert_eq!(apart.host(), request.host());
        rig.hit(&apart).expect("a hit").free();
        for request in [&request, &apart] {
            assert!(has_open_lane(&rig, request));
        }
    });
}

#[test]
fn a_connection_that_returns_to_its_lane_as_its_peer_closes_it_goes() {
    explore(|| {
        let rig = Rig::new(|_| {});
        let request = warm(&rig);
        let lease = rig.hit(&request).expect("a hit");
        let closing = close(&rig);
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
        let ending = rig.beside(|rig| rig.driver.shut_down());
        hit_once(&rig, &request);
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
        let losing = rig.beside(|rig| rig.driver.runtime_lost(1));
        hit_once(&rig, &request);
        losing.join().expect("it is lost");
        rig.runtime.run();
        assert_eq!(rig.rest(), 0, "M4");
    });
}

/// A request whose host may have one connection, and the lease of that connection.
fn one_in_use() -> (Rig, Request, Lease<Mock>) {
    let rig = Rig::new(|settings| settings.max_per_host = 1);
    let request = warm(&rig);
    let lease = rig.hit(&request).expect("a hit");
    (rig, request, lease)
}

/// A request whose host has one connection, in its lane.
fn warm(rig: &Rig) -> Request {
    let request = rig.request(0);
    rig.idle(request.clone());
    rig.hit(&request).expect("a hit").free();
    assert!(has_open_lane(rig, &request));
    request
}

fn has_open_lane(rig: &Rig, request: &Request) -> bool {
    let lane = request.lane(&rig.driver);
    lane.is_some_and(|lane| lane.looks_open())
}

fn hit_once(rig: &Rig, request: &Request) {
    if let Some(lease) = rig.hit(request) {
        lease.free();
    }
}
