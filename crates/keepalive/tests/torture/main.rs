//! A drop, a failure or a panic at any point leaves everything else as it was. Each scenario runs
//! once to count its points, and then again for every point at which something can go wrong.

#![allow(clippy::print_stderr)] // how much was run

mod run;
mod scenarios;
mod script;
mod stage;

use keepalive_testkit::dice::Dice;
use keepalive_testkit::simulated::Verdict;

use run::{Counted, Trouble, run};
use scenarios::{Scenario, all};
use script::Pace;
use stage::Cut;

const WRONG: [Verdict; 3] = [Verdict::Fails, Verdict::Panics, Verdict::Hangs];

/// Pairs of faults for each scenario.
const PAIRS: usize = 120;

#[test]
fn a_future_may_be_dropped_at_every_poll_and_at_every_instant() {
    let runs = torture("dropped", |counted| {
        let polls = (1..=counted.polls).flat_map(|poll| [Cut::Before(poll), Cut::After(poll)]);
        let times = (0..=counted.took.min(600)).map(Cut::At);
        polls.chain(times).map(Trouble::Cut).collect()
    });
    assert!(runs > 300, "{runs} runs");
}

#[test]
fn every_operation_may_fail_panic_or_hang() {
    let runs = torture("failed", |counted| {
        let operations = counted.operations.iter().enumerate();
        operations
            .flat_map(|(number, operation)| {
                let ways = WRONG.into_iter().filter(|&way| operation.may(way));
                ways.map(move |way| Trouble::Faults(vec![(number, way)]))
            })
            .collect()
    });
    assert!(runs > 1000, "{runs} runs");
}

#[test]
fn two_operations_may_fail() {
    let seed = std::env::var("KEEPALIVE_PAIRS_SEED");
    let seed = seed.map_or(0, |seed| seed.parse().expect("a number"));
    let mut dice = Dice(seed);
    let runs = torture("failed twice", |counted| {
        // The first fault may make more operations follow than there were.
        let last = 1 + counted.operations.len() * 3 / 2;
        let mut fault = || (dice.below(last), WRONG[dice.below(3)]);
        (0..PAIRS)
            .map(|_| Trouble::Faults(vec![fault(), fault()]))
            .collect()
    });
    assert!(runs > 4000, "{runs} runs");
}

#[test]
fn the_runtime_may_go_at_every_step() {
    let runs = torture("stopped", |counted| {
        let steps = (1..=counted.steps).flat_map(|step| {
            [true, false].map(|scenario_first| Trouble::Stop {
                step,
                scenario_first,
            })
        });
        steps.collect()
    });
    assert!(runs > 1500, "{runs} runs");
}

/// Runs each scenario without trouble, and then with each trouble that follows from it.
fn torture(what: &str, mut troubles: impl FnMut(&Counted) -> Vec<Trouble>) -> usize {
    let scenarios: Vec<Scenario> = all();
    let mut runs = 0;
    for scenario in &scenarios {
        for pace in Pace::ALL {
            let counted = run(scenario, pace, &Trouble::Cut(Cut::Never));
            for trouble in troubles(&counted) {
                run(scenario, pace, &trouble);
                runs += 1;
            }
        }
    }
    eprintln!("{what}: {} scenarios, {runs} runs", scenarios.len());
    runs
}
