//! Engine and model side by side over generated inputs, which shrink to the shortest that differ.
//!
//! `KEEPALIVE_MODEL_CASES=n` runs more cases, `KEEPALIVE_MODEL_SEED=n` others. Past failures are
//! kept in `tests/seeds/model.txt` and run first.

#![allow(clippy::print_stdout, clippy::print_stderr)] // figures, and how to replay a failure

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keepalive_engine::Counts;
use keepalive_testkit::model::{Input, Model, Operation, Reply, Scope, Subject, run};
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed, TestError, TestRunner};
use proptest_state_machine::ReferenceStateMachine;

const CASES: u64 = 4 * 256;
const OPERATIONS: usize = 64;

/// A run as it was generated, and how many of its operations have been made.
type Case = (Reference, Vec<Operation>, Option<Arc<AtomicUsize>>);

#[test]
fn the_engine_does_what_the_model_says() {
    let cases = from_environment("KEEPALIVE_MODEL_CASES").unwrap_or(CASES);
    let seed = from_environment("KEEPALIVE_MODEL_SEED").unwrap_or(0);
    let seeds = FileFailurePersistence::Direct("tests/seeds/model.txt");
    let mut runner = TestRunner::new(Config {
        cases: u32::try_from(cases).expect("a number of cases"),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: Some(Box::new(seeds)),
        max_shrink_iters: 100_000,
        ..Config::default()
    });
    let tally = Cell::new(Tally::default());
    let strategy = Reference::sequential_strategy(24..=OPERATIONS);
    let result = runner.run(&strategy, |case| {
        let shrinks = case.2.is_none();
        let happened = compare(case);
        if !shrinks {
            tally.set(tally.get().with(happened));
        }
        Ok(())
    });
    let tally = tally.get();
    println!("seed {seed}: {tally:#?}");
    match result {
        Ok(()) => tally.assert_all_happened(),
        Err(TestError::Fail(reason, case)) => {
            explain(case);
            panic!(
                "{reason}\nafter {} cases without a difference; replay: KEEPALIVE_MODEL_SEED={seed} KEEPALIVE_MODEL_CASES={cases} \
                 cargo test -p keepalive-engine --test model",
                tally.cases
            );
        }
        Err(error) => panic!("{error}"),
    }
}

/// `cargo xtask planted` runs this test, since nothing needs to shrink there.
#[test]
fn the_engine_does_what_the_model_says_for_random_seeds() {
    for seed in 0..100 {
        run(seed, 200);
    }
}

fn from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}

/// Runs all operations of a case, and counts the events.
fn compare((mut reference, operations, made): Case) -> Tally {
    let mut subject = Subject::new(reference.scope.settings.clone(), &reference.scope.limits);
    let count = operations.len() as u64;
    for operation in operations {
        if let Some(made) = &made {
            made.fetch_add(1, Ordering::Relaxed);
        }
        reference = Reference::apply(reference, &operation);
        if let Some((input, reply)) = reference.last {
            subject.follow(input, reply, &reference.model);
        }
    }
    let view = reference.model.view();
    Tally {
        cases: 1,
        operations: count,
        overtakes: view.overtakes,
        totals: view.totals,
    }
}

/// Prints the steps of the shortest case.
fn explain((mut reference, operations, _): Case) {
    let Scope {
        settings,
        limits,
        capacity,
        ..
    } = &reference.scope;
    eprintln!("{settings:#?}\nlimits of the hosts: {limits:?}, capacity: {capacity}");
    for operation in operations {
        reference = Reference::apply(reference, &operation);
        if let Some((input, _)) = reference.last {
            eprintln!("{input:?}: {:?}", reference.model.effects());
        }
    }
}

/// The model, as `proptest_state_machine` needs it.
#[derive(Clone, Debug)]
struct Reference {
    scope: Scope,
    model: Model,
    last: Option<(Input, Reply)>,
}

impl ReferenceStateMachine for Reference {
    type State = Self;
    type Transition = Operation;

    fn init_state() -> BoxedStrategy<Self> {
        let scope = any::<[u8; Scope::DRAWS]>().prop_map(Scope::new);
        let reference = scope.prop_map(|scope| Self {
            model: Model::new(scope.settings.clone(), &scope.limits),
            scope,
            last: None,
        });
        reference.boxed()
    }

    /// Draws only operations that have something to act on.
    fn transitions(reference: &Self) -> BoxedStrategy<Operation> {
        let kinds = reference.model.kinds(&reference.scope);
        let operation = (0..kinds.len(), any::<[u8; 3]>()).prop_map(move |(kind, picks)| {
            let kind = kinds[kind];
            Operation { kind, picks }
        });
        operation.boxed()
    }

    fn apply(mut reference: Self, &operation: &Operation) -> Self {
        let input = reference.model.resolve(&reference.scope, operation);
        let reply = reference.model.input(input);
        reference.last = Some((input, reply));
        reference
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    cases: u64,
    operations: u64,
    overtakes: u64,
    totals: Counts,
}

impl Tally {
    fn with(mut self, other: Self) -> Self {
        self.cases += other.cases;
        self.operations += other.operations;
        self.overtakes += other.overtakes;
        self.totals += other.totals;
        self
    }

    /// Every kind of event has happened: the comparison proves nothing about the others.
    fn assert_all_happened(&self) {
        let totals = self.totals;
        let happened = [
            self.overtakes,
            totals.opened,
            totals.reused_immediate,
            totals.reused_deferred,
            totals.evicted,
            totals.expired,
            totals.closed_by_peer,
            totals.refused,
            totals.failed,
            totals.timed_out,
            totals.cancelled,
        ];
        assert!(
            self.cases < CASES || happened.iter().all(|&times| times >= 20),
            "{happened:?}"
        );
    }
}
