//! Random runs of engines, which must keep all invariants.
//!
//! `cargo xtask sim --help` runs more of them, on all cores, and prints the events that they saw.

use keepalive_testkit::replay::Replay;
use keepalive_testkit::swarm;

const STEPS: usize = 700;

#[test]
fn every_invariant_holds_whatever_happens() {
    let replay = Replay::new("steps");
    let seeds = std::env::var("KEEPALIVE_SEEDS").map_or(Ok(300), |seeds| seeds.parse());
    for seed in 0..seeds.expect("a number of seeds") {
        // Some seeds run twice, which shows that chance comes from the seed alone.
        if seed % 8 == 0 {
            swarm::repeats(seed, STEPS, &replay);
        } else {
            swarm::live(seed, STEPS, false, &replay);
        }
    }
}
