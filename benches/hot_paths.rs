//! `cargo bench -p keepalive-benches`: rows a, c and d of the comparison, on one thread.

#![allow(missing_docs)] // criterion's macros document nothing

use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use keepalive_benches::{Crowd, Warm};

fn hot_paths(criterion: &mut Criterion) {
    for (name, hosts) in [("a: one host", 1), ("d: 10,000 hosts", 10_000)] {
        let mut warm = Warm::new(hosts);
        criterion.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let start = Instant::now();
                warm.cycle(times);
                start.elapsed()
            });
        });
    }
    let mut crowd = Crowd::new(64, 4);
    criterion.bench_function("c: 64 tasks on 4 connections", |bencher| {
        bencher.iter_custom(|times| {
            let start = Instant::now();
            crowd.cycle(times);
            start.elapsed()
        });
    });
}

criterion_group!(benches, hot_paths);
criterion_main!(benches);
