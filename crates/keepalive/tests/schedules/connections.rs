//! Schedules of connections that open, change, close and pass from host to host.

use keepalive::ErrorKind;
use shuttle::future::{spawn, yield_now};

use crate::support::{Mock, Rig, explore, free, join, pause, request};

#[test]
fn one_permit_serves_many_requests() {
    explore(async || {
        let rig = Rig::new(1, 2);
        join(rig.exchanges([&[0, 0]; 3])).await;
        rig.end().await;
    });
}

#[test]
fn hosts_of_two_shards_share_one_permit() {
    explore(async || {
        let rig = Rig::new(1, 1);
        let shards = [0, 1].map(|host| rig.manager.allocate(request(host)).id().shard());
        assert_ne!(shards[0], shards[1]);
        join(rig.exchanges([&[0, 1], &[1, 0], &[0, 1]])).await;
        rig.end().await;
    });
}

#[test]
fn one_permit_serves_two_hosts_whose_connections_close_slowly() {
    explore(async || {
        let rig = Rig::with(Mock::new(1, 1).closing_slowly(), |builder| builder);
        join(rig.exchanges([&[0, 1], &[1, 0]])).await;
        rig.end().await;
    });
}

#[test]
fn a_capacity_changes_as_leases_come_and_go() {
    explore(async || {
        let rig = Rig::with(Mock::new(1, 2).shared(), |builder| builder);
        let tasks = rig.exchanges([&[0, 0]; 3]);
        for capacity in [1, 2] {
            pause().await;
            rig.mock.set_capacity(capacity);
        }
        join(tasks).await;
        rig.end().await;
    });
}

#[test]
fn a_peer_closes_connections_as_they_are_handed_out() {
    explore(async || {
        let rig = Rig::new(1, 2);
        for host in [0, 1] {
            free(rig.ask(host).answer().await.expect("a connection"));
        }
        let tasks = rig.exchanges([&[0, 0], &[1, 1]]);
        pause().await;
        rig.mock.close_all();
        join(tasks).await;
        rig.mock.close_all();
        // The maintenance task notices the closed connections, with no traffic needed (C3).
        while rig.manager.totals().open > 0 {
            yield_now().await;
        }
        rig.end().await;
    });
}

#[test]
fn an_attempt_fails_as_its_owner_goes() {
    explore(async || {
        let rig = Rig::with(Mock::new(1, 1).failing(), |builder| builder);
        let going = {
            let asked = rig.ask(0);
            spawn(async move {
                pause().await;
                drop(asked);
            })
        };
        let staying = [0, 1].map(|host| {
            let rig = rig.clone();
            spawn(async move {
                if let Err(error) = rig.exchange(host).await {
                    assert_eq!(error.kind(), ErrorKind::Connect, "L6");
                }
            })
        });
        join(staying.into_iter().chain([going])).await;
        rig.end().await;
    });
}
