//! Each fast path leaves the state that its general twin leaves, and gives the same answer.

use keepalive_testkit::model::compare_fast_paths;

#[test]
fn fast_paths_leave_the_state_of_their_general_twins() {
    for seed in 0..2_000 {
        compare_fast_paths(seed, 300);
    }
}
