//! Connections that carry several leases at once.

use tokio::join;

use super::{Scenario, scenario};
use crate::stage::wait;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario!("a share of one that is in use", (1, 1), |stage| {
            let held = stage.ask(0).await;
            let asked = stage.ask(0);
            let lease = stage.under_test(asked).await.flatten();
            join!(
                stage.enjoy(held, 2),
                stage.enjoy(lease, 3),
                stage.visit(0, 1)
            );
        })
        .capacity(2),
        scenario!("a share when it is wide enough", (1, 1), |stage| {
            let held = (stage.ask(0).await, stage.ask(0).await);
            let waiter = stage.ask(0);
            let widens = async {
                wait(2).await;
                stage.network.all_carry(3);
            };
            let waiter = stage.test(waiter, 2);
            let users = async { join!(stage.enjoy(held.0, 5), stage.enjoy(held.1, 6)) };
            join!(users, waiter, widens, stage.visit(0, 1));
        })
        .capacity(2),
        scenario!("a share that another breaks off", (1, 2), |stage| {
            let held = (stage.ask(0).await, stage.ask(0).await);
            let waiter = stage.ask(0);
            let waiter = stage.test(waiter, 2);
            let breaks = async {
                wait(1).await;
                drop(held.0);
            };
            join!(breaks, stage.enjoy(held.1, 3), waiter, stage.visit(0, 1));
        })
        .capacity(2)
        .slow_close(2),
        scenario!(
            "a share that was promised before a check",
            (2, 2),
            |stage| {
                let first = stage.ask(0);
                wait(6).await;
                // Open for this long, it is checked before it is promised again.
                let second = stage.ask(0);
                join!(stage.test(first, 2), async {
                    stage.enjoy(second.await, 1).await;
                });
            }
        )
        .capacity(2),
        scenario!("one that becomes narrow", (1, 1), |stage| {
            stage.visit(0, 1).await;
            let asked = stage.ask(0);
            stage.script.set_capacity(1);
            stage.network.all_carry(1);
            let lease = stage.under_test(asked).await.flatten();
            join!(stage.enjoy(lease, 2), stage.visit(0, 1), stage.visit(1, 1));
        })
        .capacity(3),
    ]
}
