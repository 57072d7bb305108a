//! Random lives of engines: what holds whatever happens.
//!
//! `cargo xtask sim --help` runs more of them, on all cores, and says what they have seen.

use keepalive_testkit::replay::Replay;
use keepalive_testkit::swarm;

const SEEDS: u64 = 300;
const STEPS: usize = 700;

#[test]
fn every_invariant_holds_whatever_happens() {
    let replay = Replay::new("steps");
    for seed in 0..SEEDS {
        // Those that are lived twice show that chance comes from the seed alone.
        if seed % 8 == 0 {
            swarm::repeats(seed, STEPS, &replay);
        } else {
            swarm::live(seed, STEPS, false, &replay);
        }
    }
}
