//! The end of a manager.

use std::time::Duration;

use tokio::join;

use super::{Scenario, scenario};
use crate::stage::wait;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario!("a shutdown", (2, 2), |stage| {
            let held = stage.ask(0).await;
            stage.visit(1, 1).await;
            let waiter = stage.try_ask(0, stage.host(0));
            let waiter = async { stage.enjoy(waiter.await, 1).await };
            let manager = stage.take_manager().expect("it is there");
            let ends = stage.under_test(manager.shutdown());
            join!(stage.enjoy(held, 4), waiter, ends);
            assert_eq!(manager.shutdown().await, 0);
        })
        .slow_close(3),
        scenario!("a shutdown within some time", (2, 2), |stage| {
            let held = stage.ask(0).await;
            let manager = stage.take_manager().expect("it is there");
            let within = manager.shutdown().within(Duration::from_millis(2));
            let ends = stage.under_test(within);
            join!(stage.enjoy(held, 4), ends);
            assert_eq!(manager.shutdown().await, 0);
        }),
        scenario!("the last handle", (1, 1), |stage| {
            let held = stage.ask(0).await;
            let waiter = stage.try_ask(0, stage.host(0));
            let waiter = stage.under_test(waiter);
            let ends = async {
                wait(2).await;
                drop(stage.take_manager());
            };
            join!(stage.enjoy(held, 4), waiter, ends);
        }),
        scenario!("the last handle while it connects", (1, 1), |stage| {
            let waiter = stage.try_ask(0, stage.host(0));
            drop(stage.take_manager());
            stage.under_test(waiter).await;
        }),
    ]
}
