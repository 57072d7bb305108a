//! Lists the steps of a probe.

use keepalive::{Families, Timing};

use crate::failure::Failure;
use crate::probe::path::{Lookup, Outcome, Path, Span, Step, Try};
use crate::timing::phases;

/// One step, and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) step: &'static str,
    pub(crate) what: String,
    pub(crate) span: Span,
    pub(crate) end: End,
    pub(crate) outcome: String,
}

/// The outcome of a step, as drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Good,
    Dropped,
    Bad,
}

/// Lists lookups and attempts in order of time, and then the phases after them.
///
/// `last` is the outcome of the probe.
pub(crate) fn of(path: &Path, timing: &Timing, last: Result<&str, &Failure>) -> Vec<Stage> {
    let mut stages: Vec<Stage> = path.lookups.iter().map(resolve).collect();
    stages.extend(path.tries.iter().map(connect));
    stages.sort_by_key(|stage| stage.span.from);
    let mut from = timing.queued + timing.resolve;
    let phases = &phases(timing)[2..];
    let reached = phases.iter().rposition(|(_, took)| !took.is_zero());
    for (at, &(step, took)) in phases.iter().enumerate() {
        let to = from + took;
        let told = step == "connect" && !path.tries.is_empty();
        if !took.is_zero() && !told {
            let (end, outcome) = match last {
                Err(failure) if reached == Some(at) => (End::Bad, failure.error_str.clone()),
                Ok(outcome) if step == "tls" => (End::Good, outcome.to_owned()),
                _ => (End::Good, "done".to_owned()),
            };
            stages.push(Stage {
                step,
                what: match step {
                    "proxy" => path.proxy.clone().unwrap_or_default(),
                    _ => String::new(),
                },
                span: Span { from, to },
                end,
                outcome,
            });
        }
        from = to;
    }
    stages
}

fn resolve(lookup: &Lookup) -> Stage {
    let kind = match lookup.what.families {
        Families::V4 => "IPv4 ",
        Families::V6 => "IPv6 ",
        Families::Both => "",
    };
    let found = match lookup.found.addresses.len() {
        1 => format!("1 {kind}address"),
        count => format!("{count} {kind}addresses"),
    };
    let name = lookup.what.name.clone();
    stage("resolve", name, lookup, &found, "not needed")
}

fn connect(one: &Try) -> Stage {
    let address = one.what.address.to_string();
    stage("connect", address, one, "connected", "given up")
}

fn stage<What, Found>(
    step: &'static str,
    what: String,
    of: &Step<What, Found>,
    done: &str,
    given_up: &str,
) -> Stage {
    let (end, outcome) = match (&of.error, of.outcome) {
        (Some(error), _) => (End::Bad, &*error.error_str),
        (_, Outcome::GivenUp) => (End::Dropped, given_up),
        (_, Outcome::Unanswered) => (End::Bad, "no answer"),
        _ => (End::Good, done),
    };
    Stage {
        step,
        what,
        span: of.span,
        end,
        outcome: outcome.to_owned(),
    }
}
