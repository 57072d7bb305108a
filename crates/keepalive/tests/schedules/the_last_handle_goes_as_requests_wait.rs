use keepalive::ErrorKind;
use shuttle::future::spawn;
use shuttle::rand::{Rng, thread_rng};

use crate::support::{Flag, Rig, explore, free, no_task_is_left, pause};

#[test]
fn the_last_handle_goes_as_requests_wait() {
    explore(async || {
        let rig = Rig::new(1, 2);
        let holder = rig.ask(0).answer().await.expect("a connection");
        let waiting = [0, 1].map(|host| {
            let asked = rig.ask(host);
            spawn(async move {
                match asked.answer().await {
                    Ok(lease) => {
                        pause().await;
                        free(lease);
                    }
                    Err(error) => assert_eq!(error.kind(), ErrorKind::ShutDown, "M5"),
                }
            })
        });
        let early = thread_rng().gen_bool(0.5);
        let answered = Flag::default();
        let freeing = {
            let answered = answered.clone();
            spawn(async move {
                if !early {
                    answered.raised().await;
                }
                free(holder);
            })
        };
        let Rig {
            manager,
            runtime,
            mock,
        } = rig;
        pause().await;
        drop(manager);
        for task in waiting {
            task.await.expect("it is done");
        }
        answered.raise();
        freeing.await.expect("it is done");
        no_task_is_left(&runtime).await;
        assert_eq!(mock.open(), 0, "M5");
    });
}
