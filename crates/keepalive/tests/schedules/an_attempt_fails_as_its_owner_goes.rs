use keepalive::ErrorKind;
use shuttle::future::spawn;

use crate::support::{Mock, Rig, explore, pause};

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
        for task in staying.into_iter().chain([going]) {
            task.await.expect("it is done");
        }
        rig.end().await;
    });
}
