//! Figures as records keep them. The figures that each request changes are small and lie together;
//! figures that follow from others are not kept.

use crate::connection::State;
use crate::stats::Counts;

/// [`Counts`] of one host or of an engine, without waiting requests: each queue knows its length.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) connecting: u32,
    pub(crate) leased: u32,
    pub(crate) idle: u32,
    pub(crate) closing: u32,
    pub(crate) opened: u64,
    pub(crate) reused_immediate: u64,
    pub(crate) reused_deferred: u64,
    /// Created at the first such event: most hosts never have one.
    rare: Option<Box<Rare>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Rare {
    pub(crate) evicted: u64,
    pub(crate) expired: u64,
    pub(crate) closed_by_peer: u64,
    pub(crate) refused: u64,
    pub(crate) failed: u64,
    pub(crate) timed_out: u64,
    pub(crate) cancelled: u64,
}

impl Tally {
    #[inline]
    pub(crate) fn gauge(&mut self, state: State) -> &mut u32 {
        match state {
            State::Connecting => &mut self.connecting,
            State::Leased => &mut self.leased,
            State::Idle => &mut self.idle,
            State::Withdrawn | State::Closing => &mut self.closing,
        }
    }

    /// Connections, in every state.
    #[inline]
    pub(crate) fn open(&self) -> u32 {
        self.connecting + self.leased + self.idle + self.closing
    }

    pub(crate) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// All figures, with this number of `waiting` requests.
    pub(crate) fn counts(&self, waiting: usize) -> Counts {
        let none = Rare::default();
        let rare = self.rare.as_deref().unwrap_or(&none);
        Counts {
            open: self.open() as usize,
            connecting: self.connecting as usize,
            leased: self.leased as usize,
            idle: self.idle as usize,
            closing: self.closing as usize,
            waiting,
            opened: self.opened,
            reused_immediate: self.reused_immediate,
            reused_deferred: self.reused_deferred,
            evicted: rare.evicted,
            expired: rare.expired,
            closed_by_peer: rare.closed_by_peer,
            refused: rare.refused,
            failed: rare.failed,
            timed_out: rare.timed_out,
            cancelled: rare.cancelled,
        }
    }
}
