//! An engine whose lanes are called back equals an engine that has seen every hit.

use std::thread;

use keepalive_testkit::model::compare_lanes;

#[test]
fn an_engine_that_catches_up_with_its_lanes_has_missed_nothing() {
    let served = thread::scope(|scope| {
        let threads = [0, 1].map(|first| {
            scope.spawn(move || {
                let seeds = (first..8_000).step_by(2);
                let served = seeds.map(|seed| compare_lanes(seed, 300));
                served.fold([0, 0], add)
            })
        });
        threads
            .map(|thread| thread.join().expect("it compares"))
            .into_iter()
            .fold([0, 0], add)
    });
    assert!(served.iter().all(|&served| served > 1_000), "{served:?}");
}

fn add([hits, waits]: [u64; 2], [more, others]: [u64; 2]) -> [u64; 2] {
    [hits + more, waits + others]
}
