use shuttle::future::spawn;

use crate::support::{Rig, explore, request};

#[test]
fn hosts_of_two_shards_share_one_slot() {
    explore(async || {
        let rig = Rig::new(1, 1);
        let shards = [0, 1].map(|host| rig.manager.allocate(request(host)).id().shard());
        assert_ne!(shards[0], shards[1]);
        let tasks = [0, 1, 0].map(|host| {
            let rig = rig.clone();
            spawn(async move {
                rig.exchange(host).await.expect("a connection");
                rig.exchange(1 - host).await.expect("a connection");
            })
        });
        for task in tasks {
            task.await.expect("it is done");
        }
        rig.end().await;
    });
}
