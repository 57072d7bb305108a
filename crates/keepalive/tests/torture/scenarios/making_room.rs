//! Room in total, and idle connections that must go for it.

use tokio::join;

use super::{Scenario, scenario};

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario!("room in total", (1, 1), |stage| {
            let held = stage.ask(0).await;
            let waiter = stage.ask(1);
            let last = stage.visit(2, 1);
            let waiter = stage.test(waiter, 2);
            join!(stage.enjoy(held, 4), waiter, last);
        }),
        scenario!("an eviction", (1, 2), |stage| {
            join!(stage.visit(0, 1), stage.visit(1, 2));
            let asked = stage.ask(2);
            stage.test(asked, 2).await;
            join!(stage.visit(0, 1), stage.visit(1, 1), stage.visit(2, 1));
        })
        .slow_close(3),
        scenario!("strict order", (2, 2), |stage| {
            let held = (stage.ask(0).await, stage.ask(0).await);
            let (waiter, own) = (stage.ask(1), stage.visit(0, 1));
            let waiter = stage.test(waiter, 2);
            join!(
                stage.enjoy(held.0, 2),
                stage.enjoy(held.1, 3),
                waiter,
                own,
                stage.visit(2, 1)
            );
        })
        .settings(|builder| builder.max_reuse_streak(0)),
        scenario!("an idle one that the peer closes", (1, 1), |stage| {
            stage.visit(0, 1).await;
            let waiter = stage.ask(0);
            stage.network.all_close();
            // The promised connection is gone, so the request is made again.
            stage.test(waiter, 1).await;
            stage.visit(1, 1).await;
        }),
        scenario!("the maintenance task in the middle", (1, 1), |stage| {
            stage.visit(0, 1).await;
            stage.network.all_close();
            let waiter = stage.ask(1);
            stage.test(waiter, 1).await;
            stage.visit(0, 1).await;
        })
        .slow_close(4),
    ]
}
