//! The race of a host's addresses (N3, RFC 8305).

use std::net::IpAddr;
use std::time::Duration;

use keepalive_engine::{Family, Pace, Race, Step, Time};
use keepalive_testkit::dice::Dice;

use crate::ms;

const BOTH: [Family; 2] = [Family::V4, Family::V6];
const DELAY: Duration = Duration::from_millis(250);

fn at(millis: u64) -> Time {
    Time::START + ms(millis)
}

fn v4(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn v6(last: u16) -> IpAddr {
    IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last])
}

fn race(families: &[Family]) -> Race {
    Race::new(Pace::default(), families, None)
}

/// Fails every attempt as soon as it has begun, and returns the order.
fn order(mut race: Race, now: Time) -> Vec<IpAddr> {
    let mut order = Vec::new();
    while let Step::Start(address) = race.poll(now) {
        order.push(address);
        race.failed(now);
    }
    assert_eq!(race.poll(now), Step::Lost);
    order
}

#[test]
fn a_race_alternates_the_families_and_begins_with_ipv6() {
    let mut race = race(&BOTH);
    race.found(at(0), &[Family::V6], &[v6(1), v6(2), v6(3)]);
    race.found(at(0), &[Family::V4], &[v4(1), v4(2)]);
    assert_eq!(order(race, at(0)), [v6(1), v4(1), v6(2), v4(2), v6(3)]);
}

#[test]
fn a_race_begins_with_the_first_family_of_a_joint_lookup() {
    let mut race = race(&BOTH);
    race.found(at(0), &BOTH, &[v4(1), v6(1), v6(2)]);
    assert_eq!(order(race, at(0)), [v4(1), v6(1), v6(2)]);
}

#[test]
fn a_race_begins_the_next_attempt_after_the_delay() {
    let mut race = race(&BOTH);
    race.found(at(0), &BOTH, &[v6(1), v4(1), v4(2)]);
    assert_eq!(race.poll(at(0)), Step::Start(v6(1)));
    assert_eq!(race.poll(at(0)), Step::Wait(Some(at(250))));
    assert_eq!(race.poll(at(249)), Step::Wait(Some(at(250))));
    assert_eq!(race.poll(at(250)), Step::Start(v4(1)));
    assert_eq!(race.poll(at(250)), Step::Wait(Some(at(500))));
}

#[test]
fn a_race_begins_the_next_attempt_at_once_when_one_fails() {
    let mut race = race(&BOTH);
    race.found(at(0), &BOTH, &[v6(1), v4(1), v4(2)]);
    assert_eq!(race.poll(at(0)), Step::Start(v6(1)));
    race.failed(at(3));
    assert_eq!(race.poll(at(3)), Step::Start(v4(1)));
    assert_eq!(race.poll(at(3)), Step::Wait(Some(at(253))));
}

#[test]
fn ipv6_begins_as_soon_as_it_is_found() {
    let mut race = race(&BOTH);
    assert_eq!(race.poll(at(0)), Step::Wait(None));
    race.found(at(7), &[Family::V6], &[v6(1)]);
    assert_eq!(race.poll(at(7)), Step::Start(v6(1)));
    assert_eq!(race.poll(at(7)), Step::Wait(None));
    race.found(at(9), &[Family::V4], &[v4(1)]);
    assert_eq!(race.poll(at(9)), Step::Wait(Some(at(257))));
}

#[test]
fn ipv4_waits_a_moment_for_ipv6() {
    let mut race = race(&BOTH);
    race.found(at(7), &[Family::V4], &[v4(1)]);
    assert_eq!(race.poll(at(7)), Step::Wait(Some(at(57))));
    assert_eq!(race.poll(at(57)), Step::Start(v4(1)));
    race.found(at(2_000), &[Family::V6], &[v6(1)]);
    assert_eq!(race.poll(at(2_000)), Step::Start(v6(1)));
}

#[test]
fn ipv4_waits_no_longer_once_ipv6_is_found() {
    let mut race = race(&BOTH);
    race.found(at(0), &[Family::V4], &[v4(1)]);
    race.found(at(20), &[Family::V6], &[v6(1)]);
    assert_eq!(race.poll(at(20)), Step::Start(v6(1)));
}

#[test]
fn ipv4_waits_no_longer_once_there_is_no_ipv6() {
    let mut race = race(&BOTH);
    race.found(at(0), &[Family::V4], &[v4(1)]);
    race.found(at(20), &[Family::V6], &[]);
    assert_eq!(race.poll(at(20)), Step::Start(v4(1)));
}

#[test]
fn the_address_that_worked_last_goes_first_and_waits_for_nothing() {
    let mut race = Race::new(Pace::default(), &BOTH, Some(v4(2)));
    race.found(at(0), &[Family::V4], &[v4(1), v4(2)]);
    assert_eq!(race.poll(at(0)), Step::Start(v4(2)));
    race.found(at(1), &[Family::V6], &[v6(1)]);
    race.failed(at(1));
    assert_eq!(order(race, at(1)), [v6(1), v4(1)]);
}

#[test]
fn an_address_that_worked_last_but_is_gone_is_not_tried() {
    let mut race = Race::new(Pace::default(), &BOTH, Some(v4(9)));
    race.found(at(0), &BOTH, &[v6(1), v4(1)]);
    assert_eq!(order(race, at(0)), [v6(1), v4(1)]);
}

#[test]
fn a_race_is_lost_when_no_address_is_found() {
    let mut race = race(&BOTH);
    race.found(at(0), &[Family::V4], &[]);
    assert_eq!(race.poll(at(0)), Step::Wait(None));
    race.found(at(1), &[Family::V6], &[]);
    assert_eq!(race.poll(at(1)), Step::Lost);
}

#[test]
fn a_race_is_not_lost_while_a_lookup_goes_on() {
    let mut race = race(&BOTH);
    race.found(at(0), &[Family::V6], &[v6(1)]);
    assert_eq!(race.poll(at(0)), Step::Start(v6(1)));
    race.failed(at(1));
    assert_eq!(race.poll(at(1)), Step::Wait(None));
    race.found(at(2_000), &[Family::V4], &[v4(1)]);
    assert_eq!(race.poll(at(2_000)), Step::Start(v4(1)));
}

#[test]
fn an_address_found_twice_is_tried_once() {
    let mut race = race(&BOTH);
    race.found(at(0), &BOTH, &[v4(1), v4(1), v6(1), v4(1)]);
    assert_eq!(order(race, at(0)), [v4(1), v6(1)]);
}

#[test]
fn attempt_delay_is_at_least_ten_milliseconds() {
    let pace = Pace {
        attempt_delay: Duration::ZERO,
        ..Pace::default()
    };
    let mut race = Race::new(pace, &BOTH, None);
    race.found(at(0), &BOTH, &[v6(1), v4(1)]);
    assert_eq!(race.poll(at(0)), Step::Start(v6(1)));
    assert_eq!(race.poll(at(0)), Step::Wait(Some(at(10))));
}

#[test]
fn attempt_delay_without_end_waits_for_a_failure() {
    let pace = Pace {
        attempt_delay: Duration::MAX,
        ..Pace::default()
    };
    let mut race = Race::new(pace, &BOTH, None);
    race.found(at(0), &BOTH, &[v6(1), v4(1)]);
    assert_eq!(race.poll(at(0)), Step::Start(v6(1)));
    let Step::Wait(Some(end)) = race.poll(at(1_000_000)) else {
        panic!("the first attempt has its time");
    };
    assert!(end > at(u64::MAX / 2_000_000));
    race.failed(at(1_000_001));
    assert_eq!(race.poll(at(1_000_001)), Step::Start(v4(1)));
}

/// The random events of one race: lookups that end at some time with some addresses, and attempts
/// that each take some time to fail.
struct Story {
    lookups: Vec<(u64, Vec<Family>, Vec<IpAddr>)>,
    fails_after: Vec<u64>,
    last: Option<IpAddr>,
}

impl Story {
    fn draw(dice: &mut Dice) -> Self {
        let some = |dice: &mut Dice, family| -> Vec<IpAddr> {
            let count = dice.below(5);
            let mut any = || match family {
                Family::V4 => v4(dice.below(6) as u8),
                Family::V6 => v6(dice.below(6) as u16),
            };
            (0..count).map(|_| any()).collect()
        };
        let [fours, sixes] = BOTH.map(|family| some(dice, family));
        let lookups = match dice.below(2) {
            0 => {
                let both = fours
                    .iter()
                    .zip(&sixes)
                    .flat_map(|(four, six)| [*six, *four]);
                vec![(dice.below(300) as u64, BOTH.to_vec(), both.collect())]
            }
            _ => [(Family::V4, fours), (Family::V6, sixes)]
                .map(|(family, found)| (dice.below(300) as u64, vec![family], found))
                .into(),
        };
        Self {
            lookups,
            fails_after: (0..64).map(|_| dice.below(900) as u64).collect(),
            last: (dice.below(3) == 0).then(|| v4(dice.below(6) as u8)),
        }
    }

    /// Runs the race until it is lost, a millisecond at a time. Returns each address with the
    /// times of its start and its failure.
    fn play(&self) -> Vec<(u64, IpAddr, u64)> {
        let mut race = Race::new(Pace::default(), &BOTH, self.last);
        let mut begun: Vec<(u64, IpAddr, u64)> = Vec::new();
        for now in 0..60_000 {
            for (_, families, found) in self.lookups.iter().filter(|lookup| lookup.0 == now) {
                race.found(at(now), families, found);
            }
            for _ in begun.iter().filter(|attempt| attempt.2 == now) {
                race.failed(at(now));
            }
            loop {
                match race.poll(at(now)) {
                    Step::Start(address) => {
                        let fails = now + 1 + self.fails_after[begun.len()];
                        begun.push((now, address, fails));
                    }
                    Step::Wait(until) => {
                        assert!(until.is_none_or(|until| until > at(now)), "it can wait");
                        break;
                    }
                    Step::Lost => return begun,
                }
            }
        }
        panic!("a race whose attempts all fail ends");
    }

    /// From when on the first attempt must be under way, if there is one.
    fn first_due(&self) -> Option<u64> {
        let found = |family| {
            let mut lookups = self.lookups.iter();
            let found = lookups.find(|(_, families, _)| families.contains(&family));
            let (when, _, addresses) = found.expect("both are looked up");
            let mut of_it = addresses.iter().filter(|&&one| Family::of(one) == family);
            (
                *when,
                of_it.clone().next().is_some(),
                of_it.any(|&one| Some(one) == self.last),
            )
        };
        let ((four, fours, last), (six, sixes, _)) = (found(Family::V4), found(Family::V6));
        let held = match last {
            true => four,
            false => four.max(six.min(four + 50)),
        };
        match (fours, sixes) {
            (true, true) => Some(held.min(six)),
            (true, false) => Some(held),
            (false, true) => Some(six),
            (false, false) => None,
        }
    }
}

#[test]
fn random_races_keep_to_the_rules() {
    let mut tried = 0;
    for seed in 0..5_000 {
        let story = Story::draw(&mut Dice(seed));
        let begun = story.play();
        tried += begun.len();

        let first = begun.first().map(|&(when, ..)| when);
        assert_eq!(
            first,
            story.first_due(),
            "seed {seed}: the first is on time"
        );

        let mut all: Vec<IpAddr> = story.lookups.iter().flat_map(|it| it.2.clone()).collect();
        let mut addresses: Vec<IpAddr> = begun.iter().map(|&(_, address, _)| address).collect();
        for list in [&mut all, &mut addresses] {
            list.sort_unstable();
        }
        all.dedup();
        assert_eq!(addresses, all, "seed {seed}: each is tried once");

        for pair in begun.windows(2) {
            let [(before, ..), (after, ..)] = pair else {
                unreachable!()
            };
            let failure = begun
                .iter()
                .any(|&(.., end)| (*before..=*after).contains(&end));
            let full = u128::from(after - before) >= DELAY.as_millis();
            assert!(full || failure, "seed {seed}: no attempt is hurried");
        }
    }
    assert!(tried > 10_000, "{tried} attempts are few");
}
