//! Attempts: the requests that wait for one, and its end.

use std::time::Duration;

use keepalive_testkit::simulated::Verdict;
use tokio::join;

use super::{Scenario, scenario};
use crate::stage::wait;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario!("a fresh one", (2, 2), |stage| {
            let asked = stage.ask(0);
            stage.test(asked, 2).await;
            stage.visit(0, 1).await;
        }),
        scenario!("a hit", (1, 1), |stage| {
            stage.visit(0, 1).await;
            wait(2).await;
            let asked = stage.ask(0);
            stage.test(asked, 2).await;
            stage.visit(0, 1).await;
        }),
        scenario!("an exchange", (1, 1), |stage| {
            let next = stage.visit(0, 4);
            stage.under_test(next).await;
            stage.under_test(stage.visit(0, 3)).await;
            stage.visit(0, 1).await;
        }),
        scenario!("an attempt that fails", (1, 2), |stage| {
            stage.script.plan(0, Verdict::Fails);
            let asked = stage.try_ask(0, stage.host(0));
            stage.test(asked, 2).await;
            stage.script.forget_plan();
            stage.visit(0, 1).await;
        }),
        scenario!("an attempt that fails before others", (1, 1), |stage| {
            stage.script.plan(0, Verdict::Fails);
            let (first, second) = (
                stage.try_ask(0, stage.host(0)),
                stage.try_ask(0, stage.host(0)),
            );
            let third = stage.visit(1, 1);
            let first = stage.test(first, 1);
            let second = async { stage.enjoy(second.await, 1).await };
            join!(first, second, third);
        }),
        scenario!("an attempt that hangs", (1, 1), |stage| {
            stage.script.plan(0, Verdict::Hangs);
            let request = stage.host(0).timeout(Duration::from_millis(6));
            let asked = stage.try_ask(0, request);
            let other = stage.visit(1, 1);
            join!(stage.under_test(asked), other);
        }),
        scenario!("an attempt that finishes for nobody", (1, 1), |stage| {
            let asked = stage.ask(0);
            stage.test(asked, 2).await;
            wait(1).await;
            stage.visit(0, 1).await;
        })
        .settings(|builder| builder.keep_unneeded_attempts(true)),
        scenario!("one attempt at a time", (2, 3), |stage| {
            let (first, second) = (stage.ask(0), stage.visit(1, 2));
            let third = stage.visit(0, 1);
            let first = stage.test(first, 1);
            join!(first, second, third);
        })
        .settings(|builder| builder.max_connecting(1)),
    ]
}
