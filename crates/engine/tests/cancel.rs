//! Two managers have the same inputs, but in one there is a request more, which is withdrawn
//! before anything was begun for it. From then on, they do the same (I10).
//!
//! `KEEPALIVE_CANCEL_SEEDS=n` runs more of them, `KEEPALIVE_CANCEL_SEED=n` one alone.

#![allow(clippy::print_stdout, clippy::print_stderr)] // figures, and how to replay a failure

use std::time::Duration;

use keepalive_engine::Counts;
use keepalive_testkit::dice::Dice;
use keepalive_testkit::model::{
    Effect, Input, Model, Operation, Scope, Subject, View, Visitor, in_order,
};

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
    for seed in seeds.clone() {
        let _replay = Replay(seed);
        let mut twins = Twins::new(seed);
        twins.live();
        visits += twins.visits;
        withdrawn += twins.withdrawn;
    }
    println!("seeds {seeds:?}: {visits} visits, {withdrawn} withdrawn before anything was begun");
    assert!(
        seeds.end - seeds.start < SEEDS || withdrawn > seeds.end,
        "too few were compared"
    );
}

/// Says how to see a failure again.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(seed) = self;
            eprintln!(
                "replay: KEEPALIVE_CANCEL_SEED={seed} cargo test -p keepalive-engine --test cancel"
            );
        }
    }
}

struct Twins {
    dice: Dice,
    scope: Scope,
    /// Knows what can be done next.
    model: Model,
    last: Input,
    visited: Subject,
    plain: Subject,
    visits: u64,
    withdrawn: u64,
    /// How many have withdrawn from each host.
    withdrawn_from: Vec<u64>,
}

impl Twins {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let scope = Scope::new(std::array::from_fn(|_| dice.below(256) as u8));
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

    /// Lives until a visitor has changed something by being there, if only by having something
    /// begun for it: what follows from that is not the fault of who withdraws.
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

    /// False if the visitor was more than one who waits.
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
        // Its time may have run out unnoticed.
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
        let kinds = self.model.kinds(&self.scope);
        let kind = kinds[self.dice.below(kinds.len())];
        let picks = std::array::from_fn(|_| self.dice.below(256) as u8);
        let input = self.model.resolve(&self.scope, Operation { kind, picks });
        self.input(input);
    }

    fn input(&mut self, input: Input) {
        self.model.input(input);
        self.last = input;
        self.visited.input(input);
        self.plain.input(input);
    }

    /// The one without visitor learns of the time as the other does.
    fn pause(&mut self) {
        self.model.input(PAUSE);
        self.plain.input(PAUSE);
        self.last = PAUSE;
    }

    /// Whether nothing was begun for a visitor, closed for it, or counted because of it.
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

/// What a request changes by more than waiting.
fn changes(view: &View) -> (u64, Counts, &[Option<usize>]) {
    let mut totals = view.totals;
    (totals.waiting, totals.cancelled) = (0, 0);
    (view.overtakes, totals, &view.next)
}

/// But for the count of those who withdrew.
fn without(mut view: View, withdrawn_from: &[u64]) -> View {
    let uncount = |counts: &mut Counts, withdrawn| counts.cancelled -= withdrawn;
    uncount(&mut view.totals, withdrawn_from.iter().sum());
    for (counts, &withdrawn) in view.hosts.iter_mut().zip(withdrawn_from) {
        uncount(counts, withdrawn);
    }
    view
}
