//! Waiters behind a connection that is in use.

use std::sync::Arc;
use std::time::Duration;

use keepalive_testkit::simulated::panics::panic_as_planned;
use tokio::join;
use tokio::time::Instant;

use super::{Scenario, scenario};
use crate::stage::wait;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario!("behind a lease", (1, 2), |stage| {
            let held = stage.ask(0).await;
            let waiter = stage.ask(0);
            let last = stage.visit(0, 1);
            let waiter = stage.test(waiter, 2);
            join!(stage.enjoy(held, 5), waiter, last);
        }),
        scenario!("behind a lease that is dropped", (1, 1), |stage| {
            let held = stage.ask(0).await;
            let waiter = stage.ask(0);
            let last = stage.visit(1, 1);
            let waiter = stage.test(waiter, 2);
            let drops = async {
                wait(3).await;
                drop(held);
            };
            join!(drops, waiter, last);
        }),
        scenario!("behind a user who panics", (1, 1), |stage| {
            let held = stage.ask(0).await;
            stage.spawn(async move {
                let _held = held;
                wait(3).await;
                panic_as_planned();
            });
            let waiter = stage.ask(0);
            let last = stage.visit(0, 1);
            let waiter = stage.test(waiter, 2);
            join!(waiter, last);
        }),
        scenario!(
            "a deferred hand-over to one with an attempt",
            (2, 3),
            |stage| {
                let held = stage.ask(0).await;
                let (waiter, other) = (stage.ask(0), stage.visit(0, 2));
                let waiter = stage.test(waiter, 2);
                join!(stage.enjoy(held, 1), waiter, other, stage.visit(1, 3));
            }
        ),
        scenario!("free in the instant of the deadline", (1, 1), |stage| {
            let held = stage.ask(0).await;
            let request = stage.host(0).timeout(Duration::from_millis(5));
            let waiter = stage.try_ask(0, request);
            let waiter = stage.test(waiter, 2);
            join!(stage.enjoy(held, 5), waiter, stage.visit(0, 1));
        }),
        scenario!("a queue timeout", (1, 1), |stage| {
            let held = stage.ask(0).await;
            let request = stage.host(0).queue_timeout(Duration::from_millis(3));
            let waiter = stage.try_ask(0, request);
            join!(
                stage.enjoy(held, 6),
                stage.under_test(waiter),
                stage.visit(0, 1)
            );
        }),
        scenario!("a cancel from elsewhere", (1, 1), |stage| {
            let held = stage.ask(0).await;
            let pending = stage.manager().allocate(stage.host(0));
            let (id, manager) = (pending.id(), stage.manager());
            let cancels = async {
                wait(2).await;
                manager.cancel(id);
                assert!(!manager.cancel(id), "once is enough");
            };
            join!(
                stage.enjoy(held, 4),
                stage.under_test(pending),
                cancels,
                stage.visit(0, 1)
            );
        }),
        scenario!("a full queue", (1, 1), |stage| {
            let held = stage.ask(0).await;
            let waiter = stage.ask(0);
            let refused = stage.try_ask(0, stage.host(0)).await;
            assert!(refused.is_none() || !stage.strict, "the queue is full");
            let waiter = stage.test(waiter, 2);
            join!(stage.enjoy(held, 3), waiter);
            stage.visit(0, 1).await;
        })
        .settings(|builder| builder.max_queued(1)),
        scenario!("from task to task", (1, 1), |stage| {
            let held = stage.ask(0).await;
            let mut waiter = Box::pin(stage.manager().allocate(stage.host(0)));
            let asked = Instant::now();
            // This task is woken first, and has ended when the answer comes.
            let polled = std::future::poll_fn(|context| {
                std::task::Poll::Ready(waiter.as_mut().poll(context))
            });
            if let std::task::Poll::Ready(answer) = polled.await {
                assert!(held.is_none(), "it waits");
                return stage.enjoy(stage.got(0, asked, answer, true), 1).await;
            }
            let mover = Arc::clone(&stage);
            stage.spawn(async move {
                let answer = mover.under_test(waiter).await;
                let lease = answer.and_then(|answer| mover.got(0, asked, answer, true));
                mover.enjoy(lease, 1).await;
            });
            stage.enjoy(held, 3).await;
            stage.visit(0, 1).await;
        }),
        scenario!("worn out by use", (1, 1), |stage| {
            let held = stage.ask(0).await;
            let waiter = stage.ask(0);
            let waiter = stage.test(waiter, 2);
            join!(stage.enjoy(held, 2), waiter, stage.visit(0, 1));
        })
        .settings(|builder| builder.max_uses(1)),
        scenario!("worn out by age", (1, 1), |stage| {
            let held = stage.ask(0).await;
            let waiter = stage.ask(0);
            let waiter = stage.test(waiter, 2);
            join!(stage.enjoy(held, 4), waiter, stage.visit(0, 1));
        })
        .settings(|builder| {
            builder
                .max_lifetime(Duration::from_millis(3))
                .lifetime_jitter(0.0)
        }),
    ]
}
