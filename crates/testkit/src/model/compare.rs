//! Runs the engine and the model side by side.

use keepalive_engine::Settings;

use super::{Effect, Input, Model, Reply, Scope, Subject};
use crate::dice::Dice;

impl Subject {
    /// Makes an input that the model has made already.
    ///
    /// # Panics
    ///
    /// If the engine behaves differently from the model.
    pub fn follow(&mut self, input: Input, reply: Reply, model: &Model) {
        let own = self.input(input);
        assert_eq!(own, reply, "what {input:?} answers: engine, model");
        assert_eq!(
            in_order(input, self.effects()),
            in_order(input, model.effects()),
            "what is done because of {input:?}: engine, model"
        );
        let (own, wanted) = (self.view(), model.view());
        assert_eq!(own, wanted, "what is there after {input:?}: engine, model");
    }
}

type Twin = fn(Settings, &[Option<usize>]) -> Subject;

/// Compares engine and model over random inputs, without shrinking.
///
/// # Panics
///
/// If they differ.
pub fn run(seed: u64, operations: usize) {
    compare(seed, operations, None);
}

/// Compares an engine with its twin that has no fast paths, over random inputs: they give the same
/// answers and actions, and are left in the same state.
///
/// # Panics
///
/// If they differ.
pub fn compare_fast_paths(seed: u64, operations: usize) {
    compare(seed, operations, Some(Subject::general));
}

/// Compares an engine with its twin that is observed, in the same way.
///
/// # Panics
///
/// If they differ, or if the events do not match the engine.
pub fn compare_observed(seed: u64, operations: usize) {
    compare(seed, operations, Some(Subject::observed));
}

fn compare(seed: u64, operations: usize, twin: Option<Twin>) {
    let mut dice = Dice(seed);
    let scope = Scope::draw(&mut dice);
    let mut model = Model::new(scope.settings.clone(), &scope.limits);
    let mut engine = Subject::new(scope.settings.clone(), &scope.limits);
    let mut twin = twin.map(|twin| twin(scope.settings.clone(), &scope.limits));
    for step in 0..operations {
        let input = model.draw(&scope, &mut dice);
        let reply = model.input(input);
        engine.follow(input, reply, &model);
        if let Some(twin) = &mut twin {
            let place = || format!("seed {seed}, step {step}, {input:?}: engine, twin");
            assert_eq!(reply, twin.input(input), "{}", place());
            assert_eq!(engine.effects(), twin.effects(), "{}", place());
            assert_eq!(engine.view(), twin.view(), "{}", place());
            assert_eq!(engine.fingerprint(), twin.fingerprint(), "{}", place());
        }
    }
}

/// Actions of one kind must come in the order of their causes. The rules leave it open how kinds
/// mix. At an end everything happens at once, in any order.
pub fn in_order(input: Input, effects: &[Effect]) -> Vec<Effect> {
    let kind = |effect: &Effect| match *effect {
        Effect::Connect(..) => 0,
        Effect::Answer(..) => 1,
        Effect::Cancel(_) => 2,
        Effect::Close(_) => 3,
        Effect::Abandon(_) => 4,
    };
    let whose = |effect: &Effect| match *effect {
        Effect::Connect(number, _)
        | Effect::Answer(number, _)
        | Effect::Cancel(number)
        | Effect::Close(number)
        | Effect::Abandon(number) => number,
    };
    let mut effects = effects.to_vec();
    let at_an_end = matches!(input, Input::ShutDown | Input::Abandon);
    effects.sort_by_key(|effect| (kind(effect), if at_an_end { whose(effect) } else { 0 }));
    effects
}
