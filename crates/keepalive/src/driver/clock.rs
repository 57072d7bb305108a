//! A clock: the processor's counter between two looks at the system's clock.

use keepalive_engine::Time;

/// Tells the time by a counter of the processor, which it compares with the system's clock for each
/// millisecond of use. Reading the system's clock twice took a third of a hit.
///
/// Its time is at most [`LATE`] behind the system's clock and at most [`EARLY`] ahead, unless the
/// counter has jumped or changed its rate since the last look, as on a virtual machine that moves. The
/// next look detects this. Then the system's clock tells the time until the rate is measured again.
///
/// Where the time is ahead, a connection looks older than it is, and is checked too often.
#[derive(Debug)]
pub(crate) struct Clock {
    /// The last look at the system's clock that was not interrupted.
    looked: Look,
    /// Nanoseconds of one tick, in units of 2<sup>-32</sup>.
    rate: u64,
    /// For so many ticks after the look, the counter stands for the clock; 0 without a rate.
    span: u64,
    /// The look from which the rate is measured.
    start: Option<Look>,
}

/// The numbers by which the counter tells the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) ticks: u64,
    pub(crate) nanos: u64,
    pub(crate) rate: u64,
    pub(crate) span: u64,
}

/// The system's clock, read between two readings of the counter.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    /// The first reading. The time was read later, so an interruption makes the clock early.
    ticks: u64,
    /// Ticks from the first reading to the second.
    took: u64,
    nanos: u64,
}

/// How long the counter stands for the clock, in nanoseconds.
const SPAN: u64 = 1_000_000;
/// A look that took longer than this was interrupted, in nanoseconds.
const EARLY: u64 = 10_000;
/// The time in which the rate is measured at least, in nanoseconds.
const MEASURED: u64 = 10_000_000;
/// The error of a measured rate is at most one part in so many.
const PRECISION: u64 = 1_000;
/// The error of the time by such a rate, in nanoseconds.
const LATE: u64 = SPAN / PRECISION;

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            looked: Look::default(),
            rate: 0,
            span: 0,
            start: None,
        }
    }

    /// The time by the counter, read by `read`, or by the system's clock, read by `look`.
    #[inline]
    pub(crate) fn now(&mut self, read: impl Fn() -> u64, look: impl FnOnce() -> Time) -> Time {
        let ticks = read();
        if let Some(now) = self.reading().at(ticks) {
            return now;
        }
        let now = look();
        self.compare(Look {
            ticks,
            took: read().wrapping_sub(ticks),
            nanos: now.nanos(),
        });
        now
    }

    /// The numbers by which the counter tells the time now.
    #[inline]
    pub(crate) fn reading(&self) -> Reading {
        Reading {
            ticks: self.looked.ticks,
            nanos: self.looked.nanos,
            rate: self.rate,
            span: self.span,
        }
    }

    /// Compares the counter with the system's clock.
    #[cold]
    fn compare(&mut self, look: Look) {
        if self.span == 0 {
            self.measure(look);
        } else if self.nanos(look.took) <= EARLY {
            if self.is_off(look) {
                self.span = 0;
                self.start = Some(look);
            }
            self.looked = look;
        }
    }

    /// Measures the rate of the counter, unless it is too early for that.
    fn measure(&mut self, look: Look) {
        let start = *self.start.get_or_insert(look);
        let nanos = look.nanos.saturating_sub(start.nanos);
        if nanos < MEASURED {
            return;
        }
        let ticks = look.ticks.wrapping_sub(start.ticks);
        let rate = (u128::from(nanos) << 32) / u128::from(ticks.max(1));
        self.rate = u64::try_from(rate).unwrap_or(u64::MAX);
        let error = start.took.saturating_add(look.took);
        if error > ticks / PRECISION || self.nanos(look.took) > EARLY {
            // One of the two was interrupted.
            self.start = Some(look);
            return;
        }
        // None for a counter too slow to be a clock.
        self.span = (SPAN << 32) / self.rate.max(1);
        self.looked = look;
    }

    /// Whether the counter and its rate contradict the system's clock.
    fn is_off(&self, look: Look) -> bool {
        let passed = self.nanos(look.ticks.wrapping_sub(self.looked.ticks));
        let real = look.nanos.saturating_sub(self.looked.nanos);
        passed.abs_diff(real) > EARLY + LATE + real * 2 / PRECISION
    }

    /// The nanoseconds of so many ticks.
    fn nanos(&self, ticks: u64) -> u64 {
        let nanos = (u128::from(ticks) * u128::from(self.rate)) >> 32;
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

impl Reading {
    /// The time at this reading of the counter, as long as the numbers are good for it.
    #[inline]
    pub(crate) fn at(self, ticks: u64) -> Option<Time> {
        let passed = ticks.wrapping_sub(self.ticks);
        (passed < self.span).then(|| Time::from_nanos(self.nanos + ((passed * self.rate) >> 32)))
    }
}

#[cfg(all(test, not(any(keepalive_loom, keepalive_shuttle))))]
mod tests {
    use std::cell::{Cell, RefCell};

    use keepalive_testkit::dice::Dice;

    use super::*;

    /// A machine whose counter and clock run on. Reading either takes time, and may be interrupted.
    struct Machine {
        dice: RefCell<Dice>,
        nanos: Cell<u64>,
        /// Ticks of the counter in 1,000 nanoseconds.
        rate: Cell<u64>,
        /// Ticks by which the counter has jumped.
        jumped: Cell<u64>,
    }

    impl Machine {
        fn new(seed: u64) -> Self {
            let mut dice = Dice(seed);
            Self {
                rate: Cell::new([24, 1_000, 2_596, 5_000][dice.below(4)]),
                nanos: Cell::new(1_000_000),
                jumped: Cell::new((dice.below(3) as u64).wrapping_sub(1) << 40),
                dice: RefCell::new(dice),
            }
        }

        fn pass(&self, nanos: usize) {
            self.nanos.set(self.nanos.get() + nanos as u64);
        }

        fn roll(&self, sides: usize) -> usize {
            self.dice.borrow_mut().below(sides)
        }

        /// The time that a reading takes before or after its instant.
        fn reading(&self) {
            self.pass(match self.roll(40) {
                0 => self.roll(3_000_000),
                _ => self.roll(30),
            });
        }

        fn counter(&self) -> u64 {
            self.reading();
            let ticks = u128::from(self.nanos.get()) * u128::from(self.rate.get()) / 1_000;
            self.reading();
            self.jumped.get().wrapping_add(ticks as u64)
        }

        fn clock(&self) -> Time {
            self.reading();
            Time::from_nanos(self.nanos.get())
        }
    }

    /// The time by a clock, in nanoseconds before and after the instants of the machine between
    /// which it was told; and whether it was told by the counter alone.
    fn tell(clock: &mut Clock, machine: &Machine) -> (u64, u64, bool) {
        let (before, looked) = (machine.nanos.get(), Cell::new(false));
        let look = || {
            looked.set(true);
            machine.clock()
        };
        let told = clock.now(|| machine.counter(), look).nanos();
        let (early, late) = (
            told.saturating_sub(machine.nanos.get()),
            before.saturating_sub(told),
        );
        (early, late, !looked.get())
    }

    #[test]
    fn the_time_by_the_counter_is_that_of_the_system_within_its_bounds() {
        for seed in 0..200 {
            let (mut clock, machine) = (Clock::new(), Machine::new(seed));
            let mut by_counter = 0;
            for step in 0..5_000 {
                let (early, late, counted) = tell(&mut clock, &machine);
                assert!(late <= LATE, "seed {seed}, step {step}: {late} ns late");
                assert!(early <= EARLY, "seed {seed}, step {step}: {early} ns early");
                by_counter += usize::from(counted);
                let longest = [100, 10_000, 5_000_000][machine.roll(3)];
                machine.pass(machine.roll(longest));
            }
            assert!(
                by_counter > 1_000,
                "seed {seed}: {by_counter} by the counter"
            );
        }
    }

    #[test]
    fn a_counter_that_jumps_or_changes_its_rate_is_measured_again() {
        for seed in 0..200 {
            let (mut clock, machine) = (Clock::new(), Machine::new(seed));
            while !tell(&mut clock, &machine).2 {
                machine.pass(1_000);
            }
            match machine.roll(2) {
                0 => machine.jumped.set(machine.roll(1 << 40) as u64),
                _ => machine.rate.set([12, 990, 2_700, 10_000][machine.roll(4)]),
            }
            let at = machine.nanos.get();
            while machine.nanos.get() < at + 4 * MEASURED {
                let (early, late, _) = tell(&mut clock, &machine);
                // Two readings may be interrupted until the next look.
                if machine.nanos.get() > at + SPAN + 12_000_000 {
                    assert!(late <= 2 * LATE, "seed {seed}: {late} ns late");
                    assert!(early <= 2 * EARLY, "seed {seed}: {early} ns early");
                }
                machine.pass(500);
            }
        }
    }

    #[test]
    fn a_counter_that_stands_still_is_not_used() {
        let mut clock = Clock::new();
        for step in 0..1_000 {
            let time = Time::from_nanos(step * SPAN);
            assert_eq!(clock.now(|| 7, || time), time);
        }
    }

    #[test]
    fn the_first_measurement_takes_ten_milliseconds() {
        let mut clock = Clock::new();
        let mut told = |ticks: u64| {
            let looked = Cell::new(false);
            let look = || {
                looked.set(true);
                Time::from_nanos(ticks)
            };
            assert_eq!(clock.now(|| ticks, look).nanos(), ticks);
            looked.get()
        };
        let looks = [
            0, 5_000_000, 9_999_999, 10_000_000, 10_999_999, 11_000_000, 11_000_001,
        ];
        assert_eq!(
            looks.map(&mut told),
            [true, true, true, true, false, true, false]
        );
    }
}
