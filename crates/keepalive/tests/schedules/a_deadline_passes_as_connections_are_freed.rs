use std::time::Duration;

use keepalive::ErrorKind;
use keepalive::simulated::advance;
use shuttle::future::spawn;

use crate::support::{Flag, Rig, explore, free, request};

#[test]
fn a_deadline_passes_as_connections_are_freed() {
    const SECOND: Duration = Duration::from_secs(1);
    explore(async || {
        let rig = Rig::new(1, 1);
        let held = rig.ask(0).answer().await.expect("a connection");
        let asked = [Flag::default(), Flag::default()];
        let soon = {
            let (rig, flag) = (rig.clone(), asked[0].clone());
            spawn(async move {
                let pending = rig.ask_for(request(0).timeout(SECOND));
                flag.raise();
                pending.answer().await
            })
        };
        let late = {
            let (rig, flag) = (rig.clone(), asked[1].clone());
            spawn(async move {
                let pending = rig.ask_for(request(1).timeout(2 * SECOND));
                flag.raise();
                pending.answer().await
            })
        };
        for flag in asked {
            flag.raised().await;
        }
        advance(SECOND);
        let answer = soon.await.expect("it is done");
        assert_eq!(answer.expect_err("T1").kind(), ErrorKind::Timeout);
        let freeing = spawn(async move { free(held) });
        advance(SECOND);
        match late.await.expect("it is done") {
            Ok(lease) => free(lease),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Timeout),
        }
        freeing.await.expect("it is done");
        rig.end().await;
    });
}
