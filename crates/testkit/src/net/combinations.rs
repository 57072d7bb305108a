//! The table of faults that happen together.

use std::fmt;
use std::time::Duration;

use super::toxic::Deed::{Close, HalfClose, Reset, Stall, Stray, Swallow};
use super::toxic::Place::{Accept, AfterResponse, Idle, Request, Response, Reuse};
use super::toxic::Toxic;

/// Toxics that act at once. Its name is their names, joined by `+`.
#[derive(Clone, Debug)]
pub struct Combination(pub Vec<Toxic>);

impl fmt::Display for Combination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&names.join("+"))
    }
}

const MILLIS: fn(u64) -> Duration = Duration::from_millis;

/// Each toxic alone, then in pairs.
pub fn all() -> Vec<Combination> {
    let singles = shapes().into_iter().chain(faults()).chain(listeners());
    let mut all: Vec<_> = singles.map(|toxic| Combination(vec![toxic])).collect();
    for shape in shapes() {
        let fragile = faults().into_iter().filter(|toxic| !is_slow(toxic));
        let pairs = fragile.skip(shape_number(shape)).step_by(2);
        all.extend(pairs.map(|toxic| Combination(vec![shape, toxic])));
    }
    let [reset, close, stray] = [
        Toxic::fault(Reset, Response(5), 30),
        Toxic::fault(Close, Idle(MILLIS(2)), 40),
        Toxic::fault(Stray, AfterResponse, 40),
    ];
    all.extend(listeners().map(|listener| Combination(vec![listener, reset])));
    all.extend([
        Combination(vec![reset, close]),
        Combination(vec![close, stray]),
        Combination(vec![stray, reset]),
    ]);
    all
}

/// Some of each sort, for every test run.
pub fn few() -> Vec<Combination> {
    let all = all();
    let step = all.len() / 12;
    all.into_iter().skip(2).step_by(step).collect()
}

/// Every toxic.
pub fn singles() -> Vec<Toxic> {
    shapes()
        .into_iter()
        .chain(faults())
        .chain(listeners())
        .collect()
}

fn shapes() -> [Toxic; 3] {
    [
        Toxic::Latency {
            delay: MILLIS(2),
            jitter: MILLIS(3),
        },
        Toxic::Bandwidth {
            bytes_per_second: 200_000,
        },
        Toxic::Slicer { bytes: 1 },
    ]
}

/// A number for each kind of shape, so that a pair has two different kinds.
fn shape_number(shape: Toxic) -> usize {
    usize::from(matches!(shape, Toxic::Slicer { .. }))
}

fn faults() -> Vec<Toxic> {
    [
        (Reset, Accept, 30),
        (Reset, Request(1), 30),
        (Reset, Response(0), 30),
        (Reset, Response(1), 30),
        (Reset, Response(20), 30),
        (Reset, AfterResponse, 40),
        (Reset, Idle(MILLIS(2)), 40),
        (Reset, Reuse, 50),
        (Close, Accept, 30),
        (Close, Request(1), 30),
        (Close, Response(0), 30),
        (Close, Response(7), 30),
        (Close, Response(60), 30),
        (Close, AfterResponse, 40),
        (Close, Idle(MILLIS(2)), 40),
        (Close, Reuse, 50),
        (HalfClose, Response(3), 30),
        (HalfClose, AfterResponse, 40),
        (HalfClose, Idle(MILLIS(1)), 40),
        (Stall, Accept, 15),
        (Stall, Response(0), 15),
        (Stall, Response(9), 15),
        (Stall, Reuse, 20),
        (Swallow, Accept, 15),
        (Swallow, Request(2), 15),
        (Stray, Accept, 30),
        (Stray, AfterResponse, 40),
        (Stray, Idle(MILLIS(2)), 40),
    ]
    .map(|(deed, place, percent)| Toxic::fault(deed, place, percent))
    .to_vec()
}

/// Whether the toxic makes a client wait until its time limit.
fn is_slow(toxic: &Toxic) -> bool {
    matches!(
        toxic,
        Toxic::Fault {
            deed: Stall | Swallow,
            ..
        }
    )
}

fn listeners() -> impl Iterator<Item = Toxic> {
    [
        Toxic::Refuse { every: MILLIS(20) },
        Toxic::SlowAccept {
            delay: MILLIS(5),
            backlog: 128,
        },
        Toxic::SlowAccept {
            delay: MILLIS(50),
            backlog: 1,
        },
    ]
    .into_iter()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn there_are_more_than_sixty_and_no_name_is_used_twice() {
        let names: HashSet<_> = all().iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), all().len());
        assert!(names.len() >= 60, "{}", names.len());
        assert!((12..=15).contains(&few().len()), "{}", few().len());
    }
}
