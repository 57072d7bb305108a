use std::sync::Arc;
use std::time::Duration;

use keepalive::ErrorKind;
use keepalive::simulated::{Runtime, advance};
use shuttle::future::spawn;

use crate::support::{Flag, Rig, explore, free, no_task_is_left, request};

#[test]
fn a_runtime_goes_as_requests_come() {
    const SECOND: Duration = Duration::from_secs(1);
    explore(async || {
        let mut rig = Rig::new(1, 1);
        let held = rig.ask(0).answer().await.expect("a connection");
        let old = std::mem::replace(&mut rig.runtime, Arc::new(Runtime::new()));
        rig.runtime.enter();
        let (asked, tasks): (Vec<_>, Vec<_>) = [0, 1]
            .map(|host| {
                let (rig, flag) = (rig.clone(), Flag::default());
                let asked = flag.clone();
                let task = spawn(async move {
                    let asked = rig.ask_for(request(host).timeout(SECOND));
                    flag.raise();
                    asked.answer().await
                });
                (asked, task)
            })
            .into_iter()
            .unzip();
        old.shut_down();
        no_task_is_left(&old).await;
        for flag in asked {
            flag.raised().await;
        }
        // A request from before the end fails with the old runtime. A later one uses the new
        // runtime, whose timers work.
        advance(SECOND);
        for task in tasks {
            let error = task
                .await
                .expect("it is done")
                .expect_err("no slot is free");
            let kinds = [ErrorKind::Runtime, ErrorKind::Timeout];
            assert!(kinds.contains(&error.kind()), "M4: {error}");
        }
        free(held);
        rig.exchange(1).await.expect("M4: a new runtime serves");
        rig.end().await;
    });
}
