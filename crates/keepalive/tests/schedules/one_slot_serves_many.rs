use shuttle::future::spawn;

use crate::support::{Rig, explore};

#[test]
fn one_slot_serves_many() {
    explore(async || {
        let rig = Rig::new(1, 2);
        let tasks = [(); 3].map(|()| {
            let rig = rig.clone();
            spawn(async move {
                for _ in 0..2 {
                    rig.exchange(0).await.expect("a connection");
                }
            })
        });
        for task in tasks {
            task.await.expect("it is done");
        }
        rig.end().await;
    });
}
