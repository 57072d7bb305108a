use shuttle::future::{spawn, yield_now};

use crate::support::{Rig, explore, free, pause};

#[test]
fn a_peer_closes_what_is_handed_out() {
    explore(async || {
        let rig = Rig::new(1, 2);
        for host in [0, 1] {
            free(rig.ask(host).answer().await.expect("a connection"));
        }
        let tasks = [0, 1].map(|host| {
            let rig = rig.clone();
            spawn(async move {
                for _ in 0..2 {
                    rig.exchange(host).await.expect("a connection");
                }
            })
        });
        pause().await;
        rig.mock.close_all();
        for task in tasks {
            task.await.expect("it is done");
        }
        rig.mock.close_all();
        // The keeper notices the closed connections, with no traffic needed (C3).
        while rig.manager.totals().open > 0 {
            yield_now().await;
        }
        rig.end().await;
    });
}
