//! Compares the throughput with more threads than cores: `cargo run --release -p keepalive-benches
//! --bin threads`.

#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::Instant;

use keepalive::{Manager, Request};
use keepalive_benches::Payload;
use tokio::runtime::Builder;
use tokio::task::yield_now;

const THREADS: [usize; 3] = [2, 8, 16];
const TASKS: usize = 64;
const CYCLES: usize = 40_000;
const ROUNDS: usize = 5;

/// A row: its name, the connections per host, and the hosts.
const ROWS: [(&str, usize, u16); 3] = [
    ("b: one host, nobody waits", TASKS, 1),
    ("c: 4 connections", 4, 1),
    ("d: 10,000 hosts", TASKS, 10_000),
];

fn main() {
    println!("throughput with 8 and 16 threads, of that with 2: medians of {ROUNDS} rounds");
    for (name, connections, hosts) in ROWS {
        let mut ratios = [const { Vec::new() }; 2];
        for _ in 0..ROUNDS {
            let [two, eight, sixteen] =
                THREADS.map(|threads| throughput(threads, connections, hosts));
            ratios[0].push(eight / two);
            ratios[1].push(sixteen / two);
        }
        let [eight, sixteen] = ratios.map(|mut ratios| {
            ratios.sort_by(f64::total_cmp);
            ratios[ROUNDS / 2]
        });
        println!("{name:<28} {eight:>6.2} {sixteen:>6.2}");
    }
}

/// How many connections all tasks took and gave back in a second.
fn throughput(threads: usize, connections: usize, hosts: u16) -> f64 {
    let runtime = Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_time()
        .build()
        .expect("a runtime");
    let manager = Manager::builder()
        .connector(Payload)
        .max_per_host(connections)
        .max_open(usize::from(hosts) * 2 + TASKS)
        .build()
        .expect("the settings can work");
    let requests: Arc<Vec<_>> = (1..=hosts)
        .map(|port| Request::new("bench", "127.0.0.1", port).expect("a request"))
        .collect::<Vec<_>>()
        .into();
    let begun = Instant::now();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let (manager, requests) = (manager.clone(), Arc::clone(&requests));
                tokio::spawn(async move {
                    for cycle in 0..CYCLES {
                        // The step is prime to any number of hosts here.
                        let request = &requests[(task + cycle * 7919) % requests.len()];
                        let lease = manager.lease(request).await.expect("nothing can fail");
                        if connections < TASKS {
                            yield_now().await;
                        }
                        lease.free();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("nothing panics");
        }
    });
    (TASKS * CYCLES) as f64 / begun.elapsed().as_secs_f64()
}
