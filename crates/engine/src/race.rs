//! The order and timing of attempts on a host's addresses: Happy Eyeballs, version 2 (RFC 8305).
//!
//! A [`Race`] does no IO and has no clock. It receives the results of lookups and attempts, and
//! [`poll`](Race::poll) returns the next step.

use core::net::IpAddr;
use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Time;

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// The other family.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::V4 => Self::V6,
            Self::V6 => Self::V4,
        }
    }
}

/// The delays of a race.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long an attempt runs before the next begins beside it: the "Connection Attempt Delay" of
    /// RFC 8305 section 5.
    pub attempt_delay: Duration,
    /// How long IPv4 addresses wait for the IPv6 ones of the same name: the "Resolution Delay" of
    /// RFC 8305 section 3.
    pub resolution_delay: Duration,
}

impl Pace {
    /// The shortest delay before the next attempt; a shorter setting counts as this (RFC 8305
    /// section 5).
    pub const SHORTEST_ATTEMPT_DELAY: Duration = Duration::from_millis(10);
}

impl Default for Pace {
    /// The delays that RFC 8305 recommends: 250 ms and 50 ms.
    fn default() -> Self {
        Self {
            attempt_delay: Duration::from_millis(250),
            resolution_delay: Duration::from_millis(50),
        }
    }
}

/// The next step in a race.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Begin to connect to this address, and poll again.
    Start(IpAddr),
    /// Wait for a lookup or an attempt to end, at most until this time if there is one; then poll
    /// again.
    Wait(Option<Time>),
    /// Every address has been tried and has failed, and no lookup can find another.
    Lost,
}

/// The race to one host. It is over when an attempt succeeds, or when [`poll`](Self::poll) returns
/// [`Step::Lost`].
#[derive(Clone, Debug)]
pub struct Race {
    pace: Pace,
    /// The address that worked when the host was last connected to.
    last: Option<IpAddr>,
    /// Not tried yet, in the order in which the lookups gave them.
    untried: [VecDeque<IpAddr>; 2],
    /// Whether each family is still being looked up.
    sought: [bool; 2],
    /// All addresses found so far.
    known: Vec<IpAddr>,
    /// The family that is next if it has an untried address.
    turn: Family,
    /// No attempt may begin before this time.
    hold: Option<Time>,
    /// Whether an attempt has begun.
    started: bool,
    running: usize,
}

impl Race {
    /// A race that waits for lookups of `families`. `last` is tried first, if a lookup finds it.
    pub fn new(pace: Pace, families: &[Family], last: Option<IpAddr>) -> Self {
        Self {
            pace: Pace {
                attempt_delay: pace.attempt_delay.max(Pace::SHORTEST_ATTEMPT_DELAY),
                ..pace
            },
            last,
            untried: [VecDeque::new(), VecDeque::new()],
            sought: [Family::V4, Family::V6].map(|family| families.contains(&family)),
            known: Vec::new(),
            turn: Family::V6,
            hold: None,
            started: false,
            running: 0,
        }
    }

    /// Reports that the lookup of `families` has ended with these addresses, the better ones first.
    /// There may be none.
    ///
    /// The first address from a lookup of both families also decides which family begins.
    pub fn found(&mut self, now: Time, families: &[Family], addresses: &[IpAddr]) {
        for &family in families {
            self.sought[family as usize] = false;
        }
        if let ([_, _], Some(&first), false) = (families, addresses.first(), self.started) {
            self.turn = Family::of(first);
        }
        for &address in addresses {
            if self.known.contains(&address) {
                continue;
            }
            self.known.push(address);
            let untried = &mut self.untried[Family::of(address) as usize];
            if Some(address) == self.last {
                untried.push_front(address);
                self.turn = Family::of(address);
            } else {
                untried.push_back(address);
            }
        }
        if !self.started {
            self.hold = self.hold_before_the_first(now);
        }
    }

    /// Reports that the attempt to connect to an address has failed: the next may begin at once.
    pub fn failed(&mut self, now: Time) {
        debug_assert!(self.running > 0, "what fails has begun");
        self.running = self.running.saturating_sub(1);
        self.hold = self.hold.map(|hold| hold.min(now));
    }

    /// Returns the next step. Poll again after every other input, and after each [`Step::Start`].
    pub fn poll(&mut self, now: Time) -> Step {
        let Some(family) = self.next_family() else {
            let over = self.running == 0 && self.sought == [false; 2];
            return if over { Step::Lost } else { Step::Wait(None) };
        };
        if let Some(hold) = self.hold.filter(|&hold| now < hold) {
            return Step::Wait(Some(hold));
        }
        let address = self.untried[family as usize].pop_front();
        let address = address.expect("a family that is next has an address");
        self.turn = family.other();
        self.started = true;
        self.running += 1;
        let delay = self.pace.attempt_delay;
        self.hold = Some(now + delay);
        Step::Start(address)
    }

    /// All addresses found so far, in the order of their discovery.
    pub fn known(&self) -> &[IpAddr] {
        &self.known
    }

    /// The families take turns (RFC 8305 section 4).
    fn next_family(&self) -> Option<Family> {
        [self.turn, self.turn.other()]
            .into_iter()
            .find(|&family| !self.untried[family as usize].is_empty())
    }

    /// Until when the first attempt waits for better addresses than those found so far.
    fn hold_before_the_first(&self, now: Time) -> Option<Time> {
        let [v4, v6] = &self.untried;
        let last_is_there = self.last.is_some_and(|last| self.known.contains(&last));
        if last_is_there || !v6.is_empty() || v4.is_empty() || !self.sought[Family::V6 as usize] {
            return None;
        }
        Some(now + self.pace.resolution_delay)
    }
}
