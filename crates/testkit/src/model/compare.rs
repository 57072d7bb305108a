//! Runs the engine and the model side by side.

use keepalive_engine::Settings;

use super::{Effect, Input, Kind, Model, Operation, Reply, Scope, Subject};
use crate::dice::Dice;

/// An engine and a model that receive the same inputs.
pub struct Pair {
    pub model: Model,
    pub subject: Subject,
}

impl Pair {
    pub fn new(settings: &Settings, limits: &[Option<usize>]) -> Self {
        Self {
            model: Model::new(settings.clone(), limits),
            subject: Subject::new(settings.clone(), limits),
        }
    }

    /// # Panics
    ///
    /// If the engine behaves differently from the model.
    pub fn input(&mut self, input: Input) -> Reply {
        let reply = self.model.input(input);
        self.subject.follow(input, reply, &self.model);
        reply
    }
}

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

/// Compares engine and model over random inputs, without shrinking.
///
/// # Panics
///
/// If they differ.
pub fn run(seed: u64, operations: usize) {
    let mut dice = Dice(seed);
    let scope = Scope::new(std::array::from_fn(|_| byte(&mut dice)));
    let mut pair = Pair::new(&scope.settings, &scope.limits);
    for _ in 0..operations {
        let kinds = pair.model.kinds(&scope);
        let kind: Kind = kinds[dice.below(kinds.len())];
        let picks = std::array::from_fn(|_| byte(&mut dice));
        let input = pair.model.resolve(&scope, Operation { kind, picks });
        pair.input(input);
    }
}

/// Compares an engine with its twin that has no fast paths, over random inputs: they give the same
/// answers and actions, and are left in the same state.
///
/// # Panics
///
/// If they differ.
pub fn compare_fast_paths(seed: u64, operations: usize) {
    compare(seed, operations, Subject::general);
}

/// Compares an engine with its twin that is observed, in the same way.
///
/// # Panics
///
/// If they differ, or if the events do not match the engine.
pub fn compare_observed(seed: u64, operations: usize) {
    compare(seed, operations, Subject::observed);
}

fn compare(seed: u64, operations: usize, twin: fn(Settings, &[Option<usize>]) -> Subject) {
    let mut dice = Dice(seed);
    let scope = Scope::new(std::array::from_fn(|_| byte(&mut dice)));
    let mut model = Model::new(scope.settings.clone(), &scope.limits);
    let mut fast = Subject::new(scope.settings.clone(), &scope.limits);
    let mut twin = twin(scope.settings.clone(), &scope.limits);
    for step in 0..operations {
        let kinds = model.kinds(&scope);
        let kind: Kind = kinds[dice.below(kinds.len())];
        let picks = std::array::from_fn(|_| byte(&mut dice));
        let input = model.resolve(&scope, Operation { kind, picks });
        let reply = model.input(input);
        fast.follow(input, reply, &model);
        let place = || format!("seed {seed}, step {step}, {input:?}: engine, twin");
        assert_eq!(reply, twin.input(input), "{}", place());
        assert_eq!(fast.effects(), twin.effects(), "{}", place());
        assert_eq!(fast.view(), twin.view(), "{}", place());
        assert_eq!(fast.fingerprint(), twin.fingerprint(), "{}", place());
    }
}

fn byte(dice: &mut Dice) -> u8 {
    dice.roll().to_le_bytes()[7]
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
