//! W5: events tell each decision, beside the engine's own figures, and change none.

use std::collections::BTreeSet;

use keepalive_engine::Decision;
use keepalive_testkit::model::compare_observed;
use keepalive_testkit::replay::Replay;
use keepalive_testkit::swarm;

/// All that random lives tell. They do not retire an open connection, or free a descriptor.
const DECISIONS: &[&str] = &[
    "Abandoned",
    "Asked",
    "Assigned",
    "AttemptAdopted",
    "AttemptFailed",
    "AttemptLeft",
    "AttemptProgressed",
    "AttemptStarted",
    "AttemptWithdrawn: Abandoned",
    "AttemptWithdrawn: MakesRoom",
    "AttemptWithdrawn: ShutDown",
    "AttemptWithdrawn: TooLate",
    "AttemptWithdrawn: Unneeded",
    "Closed",
    "Closing",
    "Forgotten",
    "Opened",
    "OpenedLate",
    "Overtook",
    "Refused",
    "Rejected",
    "Retired: Abandoned",
    "Retired: KeepAlive",
    "Retired: Lifetime",
    "Retired: MakesRoom",
    "Retired: NotKept",
    "Retired: Peer",
    "Retired: Rejected",
    "Retired: ShutDown",
    "Retired: User",
    "Retired: Uses",
    "Returned",
    "Taken",
    "Unassigned",
    "Waits",
];

#[test]
fn lives_as_events_tell_them_are_legal_and_give_the_figures_of_the_engines() {
    let replay = Replay::new("steps");
    let mut told = BTreeSet::new();
    for seed in 0..60 {
        let life = swarm::observed(seed, 700, &replay);
        told.extend(life.events.iter().map(|event| name(&event.decision)));
    }
    assert_eq!(told.iter().collect::<Vec<_>>(), DECISIONS);
}

#[test]
fn an_observed_engine_gives_the_same_answers_and_is_left_in_the_same_state() {
    for seed in 0..300 {
        compare_observed(seed, 300);
    }
}

/// The name of a decision, with the reason of an end.
fn name(decision: &Decision) -> String {
    let first = |text: String| text.split(' ').next().unwrap_or_default().to_owned();
    let name = first(format!("{decision:?}"));
    match decision {
        Decision::Retired { why, .. } | Decision::AttemptWithdrawn { why, .. } => {
            format!("{name}: {}", first(format!("{why:?}")))
        }
        _ => name,
    }
}
