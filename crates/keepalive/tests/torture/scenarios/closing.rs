//! Connections that take their time to close, or go by themselves.

use std::time::Duration;

use tokio::join;

use super::{Scenario, scenario};
use crate::stage::wait;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario!("a slow close", (1, 1), |stage| {
            if let Some(lease) = stage.ask(0).await {
                lease.close();
            }
            let asked = stage.ask(0);
            stage.test(asked, 1).await;
            stage.visit(1, 1).await;
        })
        .slow_close(5),
        scenario!("a close that never ends", (1, 1), |stage| {
            if let Some(lease) = stage.ask(0).await {
                lease.close();
            }
            let asked = stage.ask(1);
            stage.test(asked, 1).await;
            stage.visit(0, 1).await;
        })
        .slow_close(10_000),
        scenario!("nothing is kept", (1, 1), |stage| {
            let held = stage.ask(0).await;
            let waiter = stage.ask(0);
            let waiter = stage.test(waiter, 2);
            join!(stage.enjoy(held, 2), waiter, stage.visit(1, 1));
        })
        .settings(|builder| builder.keep_alive(Duration::ZERO))
        .slow_close(2),
        scenario!(
            "closed by itself in the instant of a request",
            (1, 1),
            |stage| {
                stage.visit(0, 1).await;
                wait(50).await;
                let asked = stage.ask(0);
                stage.test(asked, 1).await;
                stage.visit(1, 1).await;
            }
        )
        .slow_close(2),
    ]
}
