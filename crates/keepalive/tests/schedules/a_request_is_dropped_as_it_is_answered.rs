use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use shuttle::future::spawn;

use crate::support::{Rig, explore, pause};

#[test]
fn a_request_is_dropped_as_it_is_answered() {
    explore(async || {
        let rig = Rig::new(1, 1);
        let dropping = [0, 1].map(|host| {
            let rig = rig.clone();
            spawn(async move {
                let mut asked = rig.ask(host);
                // Polled once, so that the cell has a waker unless the answer has come.
                poll_fn(|context| {
                    let _ = Pin::new(&mut asked.pending).poll(context).map(drop);
                    Poll::Ready(())
                })
                .await;
                pause().await;
            })
        });
        let staying = [0, 1].map(|host| {
            let rig = rig.clone();
            spawn(async move { rig.exchange(host).await.expect("a connection") })
        });
        for task in dropping.into_iter().chain(staying) {
            task.await.expect("it is done");
        }
        rig.end().await;
    });
}
