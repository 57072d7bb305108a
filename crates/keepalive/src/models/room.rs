//! The budget, and the atomics of the shared state.

use std::time::Duration;

use keepalive_engine::{Action, Ask, Config, Engine, Settings, ShardId};
use loom::thread;

use super::rig::{Rig, answer, explore};
use crate::api::error::ErrorKind;
use crate::driver::common::Common;
use crate::sync::Arc;

#[test]
fn no_idle_connection_is_missed() {
    explore(|| {
        let rig = Rig::with_one_permit();
        let lease = rig.lease(rig.request(0));
        let asking = rig.beside(|rig| rig.ask(rig.request(1)));
        lease.free();
        let mut pending = asking.join().expect("asked");
        rig.runtime.run();
        assert!(matches!(answer(&mut pending), Some(Ok(_))), "L4");
        rig.rest();
    });
}

#[test]
fn an_eviction_asked_for_too_late_is_asked_for_again() {
    explore(|| {
        let rig = Rig::with_one_permit();
        rig.idle(rig.request(0));
        let asking = rig.beside(|rig| rig.ask(rig.request(1)));
        let mut hit = rig.ask(rig.request(0));
        if let Some(lease) = answer(&mut hit) {
            lease.expect("a hit").free();
        }
        drop(hit);
        let mut pending = asking.join().expect("asked");
        rig.runtime.run();
        assert!(matches!(answer(&mut pending), Some(Ok(_))), "L4");
        rig.rest();
    });
}

#[test]
fn the_queue_is_never_longer_than_allowed() {
    explore(|| {
        let rig = Rig::new(|settings| {
            settings.max_per_host = 1;
            settings.max_queued = Some(1);
        });
        let _leases = [0, 1].map(|shard| rig.lease(rig.request(shard)));
        let asking = rig.beside(|rig| rig.ask(rig.request(1)));
        let mut one = rig.ask(rig.request(0));
        let mut other = asking.join().expect("asked");
        let refused = [answer(&mut one), answer(&mut other)]
            .into_iter()
            .flatten()
            .map(|answer| answer.expect_err("no permit is free").kind());
        assert!(refused.eq([ErrorKind::QueueFull]), "L7");
        rig.rest();
    });
}

#[test]
fn one_end_is_not_thawed_by_another() {
    explore(|| {
        let config = Config::try_from(Settings::default()).expect("sound settings");
        let common = Arc::new(Common::new(&config));
        let ending = {
            let common = Arc::clone(&common);
            thread::spawn(move || {
                common.freeze();
                common.thaw();
            })
        };
        let mut engine = Engine::new(&config, ShardId(0));
        common.freeze();
        let ask = Ask {
            host: engine.host(0, &()),
            number: 1,
            timeout: None,
            queue_timeout: Some(Duration::MAX),
        };
        engine.request(common.now(), &mut common.room(), ask);
        assert!(engine.poll_action().is_none(), "nothing starts at the end");
        ending.join().expect("it ended");
        assert!(engine.poll_action().is_none(), "nothing starts at the end");
        common.thaw();
        engine.resume(common.now(), &mut common.room());
        let action = engine.poll_action();
        assert!(matches!(action, Some(Action::Connect(..))), "it goes on");
    });
}
