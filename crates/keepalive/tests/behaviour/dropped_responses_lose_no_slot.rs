//! M4, C2: no slot is lost to answers that are posted while their mailbox goes.

use std::hint::spin_loop;
use std::sync::Barrier;

use crate::support::{LIMIT, Mock, host, run, run_on_threads};
use keepalive::Manager;

#[test]
fn an_answer_that_is_posted_by_the_drop_is_withdrawn_too() {
    run(async || {
        let manager = Manager::builder().connector(Mock::new()).max_per_host(1);
        let manager = manager.build().unwrap();
        let held = manager.allocate(host(0)).await.unwrap();
        let (mailbox, responses) = manager.mailbox();
        for context in 0..300 {
            manager
                .allocate_to(&mailbox, host(0), "in turn", context)
                .unwrap();
        }
        held.free();
        // The first has its answer. Withdrawn, it makes room for the second, and so on.
        drop(responses);
        let totals = manager.totals();
        assert_eq!((totals.leased, totals.waiting, totals.idle), (0, 0, 1));
    });
}

#[test]
fn answers_that_are_posted_during_the_drop_are_withdrawn_too() {
    const HOSTS: usize = 40;
    run_on_threads(LIMIT, async || {
        let manager = Manager::builder().connector(Mock::new()).max_per_host(1);
        let manager = manager.build().unwrap();
        for round in 0..80 {
            let mut held = Vec::new();
            let (mailbox, responses) = manager.mailbox();
            for n in 0..HOSTS {
                held.push(manager.allocate(host(n)).await.unwrap());
                let asked = manager.allocate_to(&mailbox, host(n), "race", ());
                asked.unwrap();
            }
            let start = Barrier::new(2);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    held.into_iter().for_each(keepalive::Lease::free);
                });
                start.wait();
                // Each round drops at another point of the posting.
                for _ in 0..round * 37 % 4_000 {
                    spin_loop();
                }
                drop(responses);
            });
            assert_eq!(manager.totals().leased, 0, "round {round}");
        }
    });
}
