//! W5: events tell each decision, beside the engine's own figures, and change none.

use keepalive_testkit::model::compare_observed;
use keepalive_testkit::replay::Replay;
use keepalive_testkit::swarm;

#[test]
fn lives_as_events_tell_them_are_legal_and_give_the_figures_of_the_engines() {
    let replay = Replay::new("steps");
    for seed in 0..60 {
        swarm::observed(seed, 700, &replay);
    }
}

#[test]
fn an_observed_engine_gives_the_same_answers_and_is_left_in_the_same_state() {
    for seed in 0..300 {
        compare_observed(seed, 300);
    }
}
