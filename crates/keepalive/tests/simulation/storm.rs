//! Bad weather: everything goes wrong at random.

use std::collections::BTreeMap;

use keepalive_testkit::dice::Dice;
use keepalive_testkit::simulated::{Delay, Operation, Verdict, Weather};

/// How often things go wrong, in a thousand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    attempt_fails: usize,
    attempt_hangs: usize,
    sound_looks_broken: usize,
    panics: usize,
    close_hangs: usize,
    /// Operations that take time.
    slow: usize,
    restless: usize,
    /// The longest delay, in milliseconds.
    longest: usize,
    /// The most leases a connection carries.
    pub(crate) widest: usize,
    /// How often a peer does something: once in so many milliseconds. 0 is never.
    pub(crate) peers: usize,
}

impl Rates {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        // Most runs have few kinds of faults, so that one does not hide another.
        let rate = |dice: &mut Dice, rates: [usize; 4]| rates[dice.below(4)];
        Self {
            attempt_fails: rate(dice, [0, 10, 50, 300]),
            attempt_hangs: rate(dice, [0, 0, 10, 60]),
            sound_looks_broken: rate(dice, [0, 0, 10, 100]),
            panics: rate(dice, [0, 0, 0, 8]),
            close_hangs: rate(dice, [0, 0, 50, 400]),
            slow: rate(dice, [0, 300, 800, 1000]),
            restless: rate(dice, [0, 0, 50, 300]),
            longest: rate(dice, [2, 10, 40, 120]),
            widest: rate(dice, [1, 1, 1, 4]),
            peers: rate(dice, [0, 3, 10, 40]),
        }
    }
}

/// The faults of one connection do not depend on earlier faults of others: a runtime that ends
/// drops its tasks in an order that no seed decides.
pub(crate) struct Storm {
    seed: u64,
    rates: Rates,
    rolls: BTreeMap<(Operation, usize), u64>,
    dice: Dice,
}

impl Storm {
    pub(crate) fn new(seed: u64, rates: Rates) -> Self {
        Self {
            seed,
            rates,
            rolls: BTreeMap::new(),
            dice: Dice(seed),
        }
    }

    fn roll_for(&mut self, operation: Operation, number: usize) {
        let roll = self.rolls.entry((operation, number)).or_default();
        *roll += 1;
        let which = (operation as u64) << 56 ^ (number as u64) << 24 ^ *roll;
        self.dice = Dice(self.seed ^ Dice(which).roll());
    }

    fn hits(&mut self, rate: usize) -> bool {
        self.dice.below(1000) < rate
    }
}

impl Weather for Storm {
    fn verdict(&mut self, operation: Operation, number: usize) -> Verdict {
        self.roll_for(operation, number);
        let rates = self.rates;
        let (fails, hangs) = match operation {
            Operation::Resolve | Operation::Connect | Operation::Handshake => {
                (rates.attempt_fails, rates.attempt_hangs)
            }
            Operation::Close => (0, rates.close_hangs),
            _ => (rates.sound_looks_broken, 0),
        };
        let verdict = if self.hits(rates.panics) {
            Verdict::Panics
        } else if self.hits(fails) {
            Verdict::Fails
        } else if self.hits(hangs) {
            Verdict::Hangs
        } else {
            Verdict::Fine
        };
        if operation.may(verdict) {
            verdict
        } else {
            Verdict::Fine
        }
    }

    fn delay(&mut self, operation: Operation, number: usize) -> Delay {
        self.roll_for(operation, number);
        let attempt = [Operation::Resolve, Operation::Connect, Operation::Handshake];
        if attempt.contains(&operation) && is_quick(self.seed, number) && self.hits(800) {
            return Delay::default();
        }
        let slow = self.hits(self.rates.slow);
        Delay {
            turns: [0, 0, 1, 4][self.dice.below(4)],
            millis: if slow {
                self.dice.below(1 + self.rates.longest) as u64
            } else {
                0
            },
        }
    }

    fn capacity(&mut self) -> usize {
        match self.rates.widest {
            1 => 1,
            widest => self.dice.below(1 + widest),
        }
    }

    fn error_number(&mut self) -> i32 {
        // Refused, unreachable, and out of descriptors: of the process, and of the system.
        [111, 113, 24, 23][self.dice.below(4)]
    }

    fn is_restless(&mut self) -> bool {
        self.hits(self.rates.restless)
    }
}

/// Nothing goes wrong, but things take their time.
pub(crate) struct Calm;

impl Weather for Calm {
    fn verdict(&mut self, _operation: Operation, _number: usize) -> Verdict {
        Verdict::Fine
    }

    fn delay(&mut self, _operation: Operation, _number: usize) -> Delay {
        Delay {
            turns: 1,
            millis: 1,
        }
    }
}

/// Whether attempts on a host mostly end at their first poll.
fn is_quick(seed: u64, host: usize) -> bool {
    Dice(seed ^ host as u64).below(2) == 0
}
