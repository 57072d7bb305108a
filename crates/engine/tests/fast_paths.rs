//! Each fast path leaves the state that its general twin leaves, and gives the same answer.

use std::thread;

use keepalive_testkit::model::compare_fast_paths;

#[test]
fn fast_paths_leave_the_state_of_their_general_twins() {
    thread::scope(|scope| {
        for first in 0..2 {
            scope.spawn(move || {
                for seed in (first..1_000).step_by(2) {
                    compare_fast_paths(seed, 300);
                }
            });
        }
    });
}
