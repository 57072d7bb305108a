//! An engine whose lanes are called back equals an engine that has seen every hit.

use std::thread;

use keepalive_testkit::model::compare_lanes;

#[test]
fn an_engine_that_catches_up_with_its_lanes_has_missed_nothing() {
    let hits: u64 = thread::scope(|scope| {
        let threads = [0, 1].map(|first| {
            scope.spawn(move || {
                let seeds = (first..2_000).step_by(2);
                seeds.map(|seed| compare_lanes(seed, 300)).sum::<u64>()
            })
        });
        threads
            .map(|thread| thread.join().expect("it compares"))
            .iter()
            .sum()
    });
    assert!(hits > 1_000, "{hits} hits of lanes");
}
