//! Two managers receive the same inputs, but one has an extra request, which is cancelled before
//! anything begins for it. From then on, both behave the same (I10).
//!
//! `KEEPALIVE_CANCEL_SEEDS=n` runs more seeds, `KEEPALIVE_CANCEL_SEED=n` replays one.

#![allow(clippy::print_stdout)] // figures

use std::time::Duration;

use keepalive_engine::Counts;
use keepalive_testkit::dice::Dice;
use keepalive_testkit::model::{Effect, Input, Model, Scope, Subject, View, Visitor, in_order};
use keepalive_testkit::replay::Replay;

const SEEDS: u64 = 1500;
const OPERATIONS: usize = 100;
const PAUSE: Input = Input::Wait(Duration::ZERO);

#[test]
fn cancel_leaves_no_trace() {
    let number = |name| std::env::var(name).ok().map(|value| value.parse::<u64>());
    let seeds = match number("KEEPALIVE_CANCEL_SEED") {
        Some(seed) => seed.map(|seed| seed..seed + 1),
        None => number("KEEPALIVE_CANCEL_SEEDS")
            .unwrap_or(Ok(SEEDS))
            .map(|seeds| 0..seeds),
    };
    let seeds = seeds.expect("a number");
    let (mut visits, mut withdrawn) = (0, 0);
    let replay = Replay::new("visits");
    for seed in seeds.clone() {
        replay.by(format!(
            "KEEPALIVE_CANCEL_SEED={seed} cargo test -p keepalive-engine --test cancel"
        ));
        let mut twins = Twins::new(seed);
        twins.live();
        replay.did(twins.visits);
        visits += twins.visits;
        withdrawn += twins.withdrawn;
    }
    println!("seeds {seeds:?}: {visits} visits, {withdrawn} withdrawn before anything was begun");
    assert!(
        seeds.end - seeds.start < SEEDS || withdrawn > seeds.end,
        "too few were compared"
    );
}

struct Twins {
    dice: Dice,
    scope: Scope,
    /// Decides which inputs are possible next.
    model: Model,
    last: Input,
    visited: Subject,
    plain: Subject,
    visits: u64,
    withdrawn: u64,
    /// Cancelled visitors of each host.
    withdrawn_from: Vec<u64>,
}

impl Twins {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let scope = Scope::draw(&mut dice);
        let subject = || Subject::new(scope.settings.clone(), &scope.limits);
        Self {
            model: Model::new(scope.settings.clone(), &scope.limits),
            visited: subject(),
            plain: subject(),
            last: PAUSE,
            visits: 0,
            withdrawn: 0,
            withdrawn_from: vec![0; scope.hosts],
            dice,
            scope,
        }
    }

    /// Runs until a visitor has changed something by its presence, if only an attempt began for
    /// it. After that, the two managers may differ even if the visitor is cancelled.
    fn live(&mut self) {
        for _ in 0..OPERATIONS {
            if self.dice.below(6) > 0 {
                self.step();
                self.assert_alike();
            } else if !self.visit() {
                return;
            }
        }
    }

    /// Returns false if the visitor did more than wait.
    fn visit(&mut self) -> bool {
        let host = self.dice.below(self.scope.hosts);
        let stay = [0, 0, 1, 2, 5][self.dice.below(5)];
        self.visits += 1;
        let visitor = self.visited.visit(host);
        self.pause();
        let mut harmless = self.waits_unnoticed(visitor);
        for _ in 0..stay {
            if harmless {
                self.step();
                harmless = self.waits_unnoticed(visitor);
            }
        }
        // Timeouts may be due by now.
        self.input(PAUSE);
        harmless &= self.waits_unnoticed(visitor);
        if harmless {
            let unheard = self.dice.below(2) == 0;
            self.visited.withdraw(visitor, unheard);
            self.pause();
            self.withdrawn += 1;
            self.withdrawn_from[host] += 1;
            self.assert_alike();
        }
        harmless
    }

    fn step(&mut self) {
        let input = self.model.draw(&self.scope, &mut self.dice);
        self.input(input);
    }

    fn input(&mut self, input: Input) {
        self.model.input(input);
        self.last = input;
        self.visited.input(input);
        self.plain.input(input);
    }

    /// Keeps the manager without a visitor in step: a visit or a withdrawal is a pause to it.
    fn pause(&mut self) {
        self.model.input(PAUSE);
        self.plain.input(PAUSE);
        self.last = PAUSE;
    }

    /// Whether the visitor waits, and nothing was begun, closed or counted for it.
    fn waits_unnoticed(&mut self, visitor: Visitor) -> bool {
        let (visited, plain) = self.effects();
        visited == plain
            && self.visited.has_begun_nothing(visitor)
            && changes(&self.visited.view()) == changes(&self.plain.view())
    }

    fn effects(&self) -> (Vec<Effect>, Vec<Effect>) {
        let visited = self.visited.effects_on_others();
        (
            in_order(self.last, &visited),
            in_order(self.last, self.plain.effects()),
        )
    }

    fn assert_alike(&mut self) {
        let (visited, plain) = self.effects();
        assert_eq!(visited, plain, "with visitor, without");
        let visited = without(self.visited.view(), &self.withdrawn_from);
        assert_eq!(visited, self.plain.view(), "with visitor, without");
    }
}

/// The parts of a view that a request changes only if it does more than wait.
fn changes(view: &View) -> (u64, Counts, &[Option<usize>]) {
    let mut totals = view.totals;
    (totals.waiting, totals.cancelled) = (0, 0);
    (view.overtakes, totals, &view.next)
}

/// The view without the count of cancelled visitors.
fn without(mut view: View, withdrawn_from: &[u64]) -> View {
    let uncount = |counts: &mut Counts, withdrawn| counts.cancelled -= withdrawn;
    uncount(&mut view.totals, withdrawn_from.iter().sum());
    for (counts, &withdrawn) in view.hosts.iter_mut().zip(withdrawn_from) {
        uncount(counts, withdrawn);
    }
    view
}
