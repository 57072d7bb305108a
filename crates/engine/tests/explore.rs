//! Every state of small worlds, reached by every order of inputs: see `keepalive_testkit::explore`.
//!
//! `KEEPALIVE_EXPLORE=full cargo test --release -p keepalive-engine --test explore -- --nocapture`
//! explores as much as CI, and `KEEPALIVE_EXPLORE=endless` goes on until all states are known.
//! `KEEPALIVE_EXPLORE='name: inputs'` replays one path.

use keepalive_testkit::explore::small::all;
use keepalive_testkit::explore::{Explored, explore, replay};

/// States of each small world, in an ordinary test and in full.
const FEW: usize = 400;
const FULL: usize = 300_000;

#[test]
fn every_state_of_a_small_world_keeps_the_invariants_and_comes_to_its_end() {
    let limit = match std::env::var("KEEPALIVE_EXPLORE") {
        Err(_) => FEW,
        Ok(full) if full == "full" => FULL,
        Ok(endless) if endless == "endless" => usize::MAX,
        Ok(way) => return replay(&way),
    };
    println!("{}", Explored::HEAD);
    let mut states = 0;
    let mut transitions = 0;
    for small in all() {
        let explored = explore(&small, limit);
        println!("{explored}");
        states += explored.states;
        transitions += explored.transitions;
    }
    println!("in all: {states} distinct states, {transitions} inputs");
}
