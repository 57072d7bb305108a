//! Runs the engine and the model side by side.

use std::time::Duration;

use keepalive_engine::{Capacity, Return, Settings};

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

/// Compares the model with an engine whose connections pass into lanes, over random inputs: an engine
/// whose lanes are called back equals one that has seen every input. Returns the number of requests that
/// lanes served, at once and after waiting.
///
/// # Panics
///
/// If they differ.
pub fn compare_lanes(seed: u64, operations: usize) -> [u64; 2] {
    let mut dice = Dice(seed);
    let mut scope = Scope::draw(&mut dice);
    if seed.is_multiple_of(2) {
        // Hosts at their own limits, whose requests wait in lanes.
        scope.capacity = 1;
        scope.settings.max_open += scope.hosts * scope.settings.max_per_host;
        scope.settings.max_queued = None;
        scope.settings.keep_alive = Duration::from_secs(1);
    }
    let mut model = Model::new(scope.settings.clone(), &scope.limits);
    let mut subject = Subject::with_lanes(scope.settings.clone(), &scope.limits);
    let mut turn = None;
    for step in 0..operations {
        // Lanes are for users that come again and again.
        let input = match turn.take().filter(|_| dice.below(4) > 0) {
            Some(turn) => turn,
            None => model.draw(&scope, &mut dice),
        };
        if scope.hosts > 1 {
            // Lanes do not know which of two connections of the same age is idle longest.
            let moment = Input::Pass(Duration::from_nanos(1));
            assert_eq!(subject.input(moment), model.input(moment));
        }
        let place = || format!("seed {seed}, step {step}, {input:?}: engine, model");
        let (reply, held) = (model.input(input), model.view().held);
        assert_eq!(subject.input(input), reply, "{}", place());
        turn = next_turn(input, reply, &model, &held, &scope, &mut dice);
        let effects = in_order(input, subject.effects());
        assert_eq!(effects, in_order(input, model.effects()), "{}", place());
        let untimed = matches!(input, Input::Pass(_) | Input::Take(_));
        if !untimed && dice.below(8) == 0 {
            subject.drain();
            assert_eq!(subject.effects(), [], "{}", place());
            assert_eq!(subject.view(), model.view(), "{}", place());
        }
    }
    subject.hits()
}

/// The next input of users that come again and again to the same hosts, and some of which wait.
fn next_turn(
    input: Input,
    reply: Reply,
    model: &Model,
    held: &[(usize, usize, Duration)],
    scope: &Scope,
    dice: &mut Dice,
) -> Option<Input> {
    let answered = model.effects().iter().find_map(|effect| match *effect {
        Effect::Answer(number, _) => Some(number),
        _ => None,
    });
    if let Some(number) = answered.filter(|_| dice.below(8) > 0) {
        return Some(Input::Take(number));
    }
    if let Some(&attempt) = model.view().connecting.first()
        && scope.capacity == 1
        && dice.below(2) == 0
    {
        return Some(Input::Connected(attempt, Capacity::One));
    }
    let waits = reply == Reply::Taken(None);
    match input {
        Input::Lease(host) if waits && dice.below(3) == 0 => return Some(Input::Lease(host)),
        Input::Lease(_) if waits && dice.below(6) == 0 => {
            return Some(Input::Forget(model.requests() - 1));
        }
        Input::Release(..) => return Some(Input::Lease(dice.below(scope.hosts))),
        _ if held.is_empty() => return None,
        _ => {}
    }
    let request = held[dice.below(held.len())].0;
    Some(match dice.below(32) {
        0 => Input::Reject(request),
        _ => Input::Release(request, Return::Reuse),
    })
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
