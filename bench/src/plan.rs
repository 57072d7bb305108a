//! How much of everything is done.

use std::time::Duration;

/// Rounds and sizes of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Rounds of the rows that take processor time alone: a to d.
    pub hot: Rounds,
    /// Rounds of row e, and how many waiters it has.
    pub waiters: usize,
    pub waiters_count: u32,
    /// The same for hyper-util's cancelling, each of which goes through all waiters.
    pub waiters_scanned: u32,
    /// Rounds of row f.
    pub memory: usize,
    /// Rounds of row g.
    pub sockets: Rounds,
    /// Rounds of row h.
    pub connects: usize,
    /// Rounds of rows i and j.
    pub http: Rounds,
    /// Rounds of the growth rows, and their sizes.
    pub growth: Rounds,
    pub growth_hosts: Vec<u32>,
    pub growth_waiters: Vec<u32>,
}

/// How many rounds, and how long each of them is to take.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    pub count: usize,
    pub length: Duration,
}

impl Plan {
    /// The plan for RESULTS.md.
    pub fn full() -> Self {
        Self {
            hot: Rounds::new(61, 80),
            waiters: 9,
            waiters_count: 200_000,
            waiters_scanned: 20_000,
            memory: 3,
            sockets: Rounds::new(31, 200),
            connects: 21,
            http: Rounds::new(21, 200),
            growth: Rounds::new(9, 100),
            growth_hosts: vec![1_000, 10_000, 100_000, 1_000_000],
            growth_waiters: vec![10_000, 100_000, 1_000_000],
        }
    }

    /// For a look: less than two minutes.
    pub fn quick() -> Self {
        Self {
            hot: Rounds::new(15, 50),
            waiters: 7,
            waiters_count: 20_000,
            waiters_scanned: 5_000,
            memory: 1,
            sockets: Rounds::new(15, 100),
            connects: 9,
            http: Rounds::new(5, 100),
            growth: Rounds::new(5, 50),
            growth_hosts: vec![1_000, 10_000, 100_000],
            growth_waiters: vec![10_000, 100_000],
        }
    }

    /// The same with another number of rounds in every row.
    #[must_use]
    pub fn rounds(mut self, count: usize) -> Self {
        self.hot.count = count;
        self.waiters = count;
        self.memory = count;
        self.sockets.count = count;
        self.connects = count;
        self.http.count = count;
        self.growth.count = count;
        self
    }
}

impl Rounds {
    const fn new(count: usize, milliseconds: u64) -> Self {
        Self {
            count,
            length: Duration::from_millis(milliseconds),
        }
    }
}
