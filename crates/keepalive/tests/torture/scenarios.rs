//! The scenarios: each has one future that may be dropped early, and others that must not care.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use keepalive::{Builder, Request};
use tokio::join;
use tokio::time::Instant;

use crate::network::Verdict;
use crate::network::panics::panic_as_planned;
use crate::run::three_hosts;
use crate::stage::{Stage, wait};

type Play = fn(Arc<Stage>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Connections per host, and in total.
    pub(crate) limits: (usize, usize),
    pub(crate) capacity: usize,
    pub(crate) close_millis: u64,
    pub(crate) settings: fn(Builder) -> Builder,
    pub(crate) hosts: Vec<Request>,
    pub(crate) play: Play,
}

impl Scenario {
    fn capacity(self, capacity: usize) -> Self {
        Self { capacity, ..self }
    }

    fn slow_close(self, close_millis: u64) -> Self {
        Self {
            close_millis,
            ..self
        }
    }

    fn settings(self, settings: fn(Builder) -> Builder) -> Self {
        Self { settings, ..self }
    }
}

/// Names a scenario, its limits, and what happens on the stage.
macro_rules! scenario {
    ($name:literal, $limits:expr, |$stage:ident| $play:block) => {
        Scenario {
            name: $name,
            limits: $limits,
            capacity: 1,
            close_millis: 0,
            settings: |builder| builder,
            hosts: three_hosts(),
            play: |$stage| Box::pin(async move { $play }),
        }
    };
}

pub(crate) fn all() -> Vec<Scenario> {
    [
        opening(),
        waiting(),
        making_room(),
        letters(),
        sharing(),
        ending(),
        closing(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn opening() -> Vec<Scenario> {
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
        .settings(|builder| builder.finish_attempts(true)),
        scenario!("one attempt at a time", (2, 3), |stage| {
            let (first, second) = (stage.ask(0), stage.visit(1, 2));
            let third = stage.visit(0, 1);
            let first = stage.test(first, 1);
            join!(first, second, third);
        })
        .settings(|builder| builder.max_connecting(1)),
    ]
}

fn waiting() -> Vec<Scenario> {
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
            // This task is told first, and is not there any more when the answer is.
            let polled = std::future::poll_fn(|context| {
                std::task::Poll::Ready(waiter.as_mut().poll(context).is_pending())
            });
            assert!(polled.await, "it waits");
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

fn making_room() -> Vec<Scenario> {
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
        .settings(|builder| builder.reuse_run(0)),
        scenario!("an idle one that the peer closes", (1, 1), |stage| {
            stage.visit(0, 1).await;
            let numbers = stage.network.books().numbers();
            let waiter = stage.ask(0);
            for number in numbers {
                stage.network.peer_closes(number, true);
            }
            // It was promised and is gone: it is asked for again.
            stage.test(waiter, 1).await;
            stage.visit(1, 1).await;
        }),
        scenario!("the keeper in the middle", (1, 1), |stage| {
            stage.visit(0, 1).await;
            let numbers = stage.network.books().numbers();
            for number in numbers {
                stage.network.peer_closes(number, true);
            }
            let waiter = stage.ask(1);
            stage.test(waiter, 1).await;
            stage.visit(0, 1).await;
        })
        .slow_close(4),
    ]
}

fn letters() -> Vec<Scenario> {
    vec![
        scenario!("letters", (1, 2), |stage| {
            let manager = stage.manager();
            let (mailbox, mut responses) = manager.mailbox();
            let asked = Instant::now();
            for number in 0..2 {
                let sent = manager.allocate_to(&mailbox, stage.host(number), "event", number);
                assert!(sent.is_ok(), "somebody reads");
            }
            drop(mailbox);
            let mut first = stage.under_test(responses.recv()).await.flatten();
            while let Some(response) = match first.take() {
                Some(response) => Some(response),
                None => responses.recv().await,
            } {
                let (number, answer) = response.into_parts();
                let lease = stage.got(number, asked, answer, true);
                stage.enjoy(lease, 1).await;
            }
            stage.visit(0, 1).await;
        }),
        scenario!("letters that nobody reads any more", (1, 1), |stage| {
            let manager = stage.manager();
            let held = stage.ask(0).await;
            let (mailbox, mut responses) = manager.mailbox();
            for _ in 0..3 {
                let sent = manager.allocate_to(&mailbox, stage.host(0), "event", ());
                assert!(sent.is_ok(), "somebody reads");
            }
            drop(mailbox);
            let asked = Instant::now();
            let reads = stage.under_test(async {
                while let Some(response) = responses.recv().await {
                    let lease = stage.got(0, asked, response.into_result(), true);
                    stage.enjoy(lease, 1).await;
                }
                drop(responses);
            });
            join!(stage.enjoy(held, 3), reads, stage.visit(0, 1));
        }),
        scenario!("a letter about one that has gone", (1, 1), |stage| {
            stage.visit(0, 1).await;
            let manager = stage.manager();
            let (mailbox, mut responses) = manager.mailbox();
            let asked = Instant::now();
            let sent = manager.allocate_to(&mailbox, stage.host(0), "event", ());
            assert!(sent.is_ok(), "somebody reads");
            drop(mailbox);
            let numbers = stage.network.books().numbers();
            for number in numbers {
                stage.network.peer_closes(number, true);
            }
            let response = stage.under_test(responses.recv()).await.flatten();
            if let Some(response) = response {
                let lease = stage.got(0, asked, response.into_result(), true);
                stage.enjoy(lease, 1).await;
            }
            drop(responses);
            stage.visit(0, 1).await;
        }),
    ]
}

fn sharing() -> Vec<Scenario> {
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
                let numbers = stage.network.books().numbers();
                for number in numbers {
                    stage.network.books().set_capacity(number, 3);
                    stage.network.wake_watcher(number);
                }
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
            let numbers = stage.network.books().numbers();
            for number in numbers {
                stage.network.books().set_capacity(number, 1);
                stage.network.wake_watcher(number);
            }
            let lease = stage.under_test(asked).await.flatten();
            join!(stage.enjoy(lease, 2), stage.visit(0, 1), stage.visit(1, 1));
        })
        .capacity(3),
    ]
}

fn ending() -> Vec<Scenario> {
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

fn closing() -> Vec<Scenario> {
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
