use shuttle::future::spawn;

use crate::support::{Mock, Rig, explore};

#[test]
fn closing_takes_time() {
    explore(async || {
        let rig = Rig::with(Mock::new(1, 1).closing_slowly(), |builder| builder);
        let tasks = [0, 1].map(|host| {
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
