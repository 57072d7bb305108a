//! Schedules of requests that end early, and of the ends of runtimes and managers.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use keepalive::simulated::{Runtime, advance};
use keepalive::{ErrorKind, Mailbox};
use shuttle::future::spawn;
use shuttle::rand::{Rng, thread_rng};

use crate::support::{Flag, Mock, Rig, explore, free, join, no_task_is_left, pause, request};

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
        let staying = rig.exchanges([&[0], &[1]]);
        join(dropping.into_iter().chain(staying)).await;
        rig.end().await;
    });
}

#[test]
fn answers_are_cancelled_as_they_are_posted() {
    explore(async || {
        let rig = Rig::new(1, 1);
        let (mailbox, mut responses) = rig.manager.mailbox();
        let asking = [0, 1].map(|host| {
            let rig = rig.clone();
            let mailbox: Mailbox<usize, Mock> = mailbox.clone();
            spawn(async move {
                let asked = rig.manager.allocate_to(&mailbox, request(host), "", host);
                let id = asked.expect("the mailbox is open");
                (host == 0 && rig.manager.cancel(id)).then_some(id)
            })
        });
        drop(mailbox);
        let mut cancelled = Vec::new();
        let mut answered = 0;
        while let Some(response) = responses.recv().await {
            answered += 1;
            let (id, since) = (response.id(), rig.mock.step());
            match response.into_result() {
                Ok(lease) => {
                    lease.receive(since);
                    free(lease);
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Cancelled);
                    cancelled.push(id);
                }
            }
        }
        assert_eq!(answered, 2, "R6");
        let mut withdrawn = Vec::new();
        for task in asking {
            withdrawn.extend(task.await.expect("it is done"));
        }
        assert_eq!(cancelled, withdrawn, "R6");
        rig.end().await;
    });
}

#[test]
fn a_deadline_passes_as_connections_are_freed() {
    const SECOND: Duration = Duration::from_secs(1);
    explore(async || {
        let rig = Rig::new(1, 1);
        let held = rig.ask(0).answer().await.expect("a connection");
        let asked = [Flag::default(), Flag::default()];
        let soon = {
            let (rig, flag) = (rig.clone(), asked[0].clone());
            spawn(async move {
                let pending = rig.ask_for(request(0).timeout(SECOND));
                flag.raise();
                pending.answer().await
            })
        };
        let late = {
            let (rig, flag) = (rig.clone(), asked[1].clone());
            spawn(async move {
                let pending = rig.ask_for(request(1).timeout(2 * SECOND));
                flag.raise();
                pending.answer().await
            })
        };
        for flag in asked {
            flag.raised().await;
        }
        advance(SECOND);
        let answer = soon.await.expect("it is done");
        assert_eq!(answer.expect_err("T1").kind(), ErrorKind::Timeout);
        let freeing = spawn(async move { free(held) });
        advance(SECOND);
        match late.await.expect("it is done") {
            Ok(lease) => free(lease),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Timeout),
        }
        freeing.await.expect("it is done");
        rig.end().await;
    });
}

#[test]
fn a_runtime_ends_as_requests_come() {
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
                .expect_err("no permit is free");
            let kinds = [ErrorKind::Runtime, ErrorKind::Timeout];
            assert!(kinds.contains(&error.kind()), "M4: {error}");
        }
        free(held);
        rig.exchange(1).await.expect("M4: a new runtime serves");
        rig.end().await;
    });
}

#[test]
fn a_manager_shuts_down_as_requests_come() {
    explore(async || {
        let rig = Rig::new(1, 1);
        let tasks = [0, 1, 0].map(|host| {
            let rig = rig.clone();
            spawn(async move {
                if let Err(error) = rig.exchange(host).await {
                    assert_eq!(error.kind(), ErrorKind::ShutDown, "C7");
                }
            })
        });
        assert_eq!(rig.manager.shutdown().await, 0, "C7");
        let attempts = rig.mock.attempts();
        join(tasks).await;
        assert_eq!(rig.mock.attempts(), attempts, "C7: nothing starts");
        rig.end_closed().await;
    });
}

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
        join(waiting).await;
        answered.raise();
        freeing.await.expect("it is done");
        no_task_is_left(&runtime).await;
        assert_eq!(mock.open(), 0, "M5");
    });
}
