use shuttle::future::spawn;

use crate::support::{Mock, Rig, explore, pause};

#[test]
fn a_capacity_changes_as_leases_come_and_go() {
    explore(async || {
        let rig = Rig::with(Mock::new(1, 2).shared(), |builder| builder);
        let tasks = [(); 3].map(|()| {
            let rig = rig.clone();
            spawn(async move {
                for _ in 0..2 {
                    rig.exchange(0).await.expect("a connection");
                }
            })
        });
        for capacity in [1, 2] {
            pause().await;
            rig.mock.set_capacity(capacity);
        }
        for task in tasks {
            task.await.expect("it is done");
        }
        rig.end().await;
    });
}
