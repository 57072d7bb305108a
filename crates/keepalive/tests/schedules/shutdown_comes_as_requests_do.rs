use keepalive::ErrorKind;
use shuttle::future::spawn;

use crate::support::{Rig, explore};

#[test]
fn shutdown_comes_as_requests_do() {
    explore(async || {
        let rig = Rig::new(1, 1);
        let tasks = [0, 1, 0].map(|host| {
            let rig = rig.clone();
            spawn(async move {
                if let Err(error) = rig.exchange(host).await {
                    assert_eq!(error.kind(), ErrorKind::ShutDown, "C7");
                }
            })
        });
        assert_eq!(rig.manager.shutdown().await, 0, "C7");
        let attempts = rig.mock.attempts();
        for task in tasks {
            task.await.expect("it is done");
        }
        assert_eq!(rig.mock.attempts(), attempts, "C7: nothing starts");
        rig.end_closed().await;
    });
}
