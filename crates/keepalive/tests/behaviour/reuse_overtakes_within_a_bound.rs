//! L2: a connection may serve `max_reuse_streak` later requests of its host before an earlier request
//! of another host has its turn.

use std::sync::{Arc, Mutex};

use crate::support::{Server, run};
use keepalive::Manager;
use tokio::task::JoinSet;

/// How many of forty later requests of the host in use are served before an earlier request of
/// another host.
async fn overtakes(manager: &Manager) -> usize {
    let (server, other) = (Server::start(), Server::start());
    let held = manager.allocate(server.request()).await.expect("room");
    let requests = [other.request()].into_iter();
    let requests = requests.chain((0..40).map(|_| server.request()));

    let served = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    for (number, request) in requests.enumerate() {
        let (pending, served) = (manager.allocate(request), served.clone());
        tasks.spawn(async move {
            let lease = pending.await.expect("a connection in the end");
            served.lock().expect("no panic").push(number);
            lease.free();
        });
    }
    held.free();
    while let Some(ended) = tasks.join_next().await {
        ended.expect("served");
    }
    let served = served.lock().expect("no panic");
    let turn = served.iter().position(|number| *number == 0);
    let others: Vec<_> = served.iter().filter(|number| **number != 0).collect();
    assert!(
        others.is_sorted(),
        "one host is served in order: {served:?}"
    );
    turn.expect("nobody starves")
}

#[test]
fn max_reuse_streak_zero_is_strict_order() {
    run(async || {
        let manager = Manager::builder().max_open(1).max_reuse_streak(0);
        assert_eq!(overtakes(&manager.build().unwrap()).await, 0);
    });
}

#[test]
fn by_default_sixteen_may_overtake() {
    run(async || {
        let manager = Manager::builder().max_open(1).build().unwrap();
        let overtakes = overtakes(&manager).await;
        assert!((1..=16).contains(&overtakes), "{overtakes}");
    });
}
