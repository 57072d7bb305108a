//! The states of a connection, with a table of the legal moves between them.

use crate::arena::{Link, NIL};
use crate::budget::Permit;
use crate::time::Time;

/// A stage of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// The host's name is being resolved.
    Resolve,
    /// The transport is being opened.
    Connect,
    /// A proxy is opening a tunnel to the host.
    Proxy,
    /// A TLS or protocol handshake is under way.
    Tls,
    /// The process, or the system, has no file descriptor left. The attempt goes on once one is
    /// free.
    Descriptor,
}

/// How a lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// The connection may serve another request.
    Reuse,
    /// The connection must be closed.
    Close,
    /// The connection has been closed already; it carried no other lease.
    Closed,
}

/// How many leases a connection can carry at once.
///
/// A host shares if its last connection was opened with anything but [`One`](Self::One). It opens
/// one connection at a time, and a further one only when those that it has are full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// One, for its whole life.
    One,
    /// As many as its peer allows now. 0 means [`Provisional`](Self::Provisional).
    Shared(u16),
    /// An assumed number: its peer has not announced a limit yet, or allows none at present. Until
    /// the peer announces more, the host opens no further connection.
    ///
    /// A new connection with 0 counts as 1, for the request that it was opened for.
    Provisional(u16),
}

impl Capacity {
    /// [`Shared`](Self::Shared) among `leases`, counted up to 65,535.
    pub fn shared(leases: usize) -> Self {
        Self::Shared(counted(leases))
    }

    /// [`Provisional`](Self::Provisional) with `leases`, counted up to 65,535.
    pub fn provisional(leases: usize) -> Self {
        Self::Provisional(counted(leases))
    }

    /// The number of leases, and whether it is provisional.
    pub(crate) fn parts(self) -> (u16, bool) {
        match self {
            Self::One => (1, false),
            Self::Shared(leases) => (leases, leases == 0),
            Self::Provisional(leases) => (leases, true),
        }
    }
}

/// A known number; 1 means a connection that is never shared.
impl From<usize> for Capacity {
    fn from(leases: usize) -> Self {
        match leases {
            1 => Self::One,
            _ => Self::shared(leases),
        }
    }
}

fn counted(leases: usize) -> u16 {
    u16::try_from(leases).unwrap_or(u16::MAX)
}

/// Whether an open connection may take more leases later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outlook {
    /// It carries as many leases as its capacity allows.
    Settled,
    /// It may come to carry more, and its host opens no other until that is known.
    Provisional,
    /// It takes no further lease, and closes when its last lease ends.
    Retiring,
}

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It is being opened.
    Connecting,
    /// It is open and has at least one lease.
    Leased,
    /// It is open and has no lease.
    Idle,
    /// Its attempt was withdrawn and has not ended.
    Withdrawn,
    /// It is being closed.
    Closing,
}

impl State {
    fn may_become(self, next: Self) -> bool {
        use State::{Closing, Connecting, Idle, Leased, Withdrawn};
        match (self, next) {
            (Connecting, Leased | Idle | Withdrawn)
            | (Leased, Idle | Closing)
            | (Idle, Leased | Closing)
            | (Withdrawn, Closing) => true,
            (Connecting, Closing)
            | (_, Connecting | Withdrawn)
            | (Withdrawn | Closing, _)
            | (Leased, Leased)
            | (Idle, Idle) => false,
        }
    }
}

#[derive(Debug)]
#[cfg_attr(feature = "check", derive(Clone))]
pub(crate) struct Connection {
    pub(crate) serial: u32,
    pub(crate) host: u32,
    pub(crate) state: State,
    pub(crate) permit: Permit,
    /// The latest phase of its attempt; `None` once a user has taken the connection.
    pub(crate) phase: Option<Phase>,
    /// During the attempt, the request that owns it, or [`NIL`]. Afterwards, how many waiters were
    /// served while an earlier claim of another host waited.
    pub(crate) owner_or_run: u32,
    /// Place among the host's connections with room, or among its attempts without owner.
    pub(crate) host_link: Link,
    pub(crate) idle_since: Time,
    pub(crate) leases: u16,
    pub(crate) capacity: u16,
    /// Leases so far.
    pub(crate) uses: u32,
    /// The end of its lifetime.
    #[cfg(feature = "check")]
    pub(crate) ends: Option<Time>,
    /// Whether it is in its host's list of connections with room.
    pub(crate) listed: bool,
    pub(crate) outlook: Outlook,
}

impl Connection {
    pub(crate) fn attempt(serial: u32, host: u32, permit: Permit, owner: u32, now: Time) -> Self {
        Self {
            serial,
            host,
            state: State::Connecting,
            permit,
            phase: Some(Phase::Resolve),
            owner_or_run: owner,
            host_link: Link::UNLINKED,
            idle_since: now,
            leases: 0,
            capacity: 1,
            uses: 0,
            #[cfg(feature = "check")]
            ends: None,
            listed: false,
            outlook: Outlook::Settled,
        }
    }

    #[inline]
    pub(crate) fn host_link(&mut self) -> &mut Link {
        &mut self.host_link
    }

    /// The request that owns an attempt; `None` if that has gone.
    pub(crate) fn owner(&self) -> Option<u32> {
        let owned = self.state == State::Connecting && self.owner_or_run != NIL;
        owned.then_some(self.owner_or_run)
    }

    pub(crate) fn set_owner(&mut self, owner: Option<u32>) {
        debug_assert!(self.state == State::Connecting);
        self.owner_or_run = owner.unwrap_or(NIL);
    }

    /// Ends an attempt that has succeeded, and returns its owner.
    pub(crate) fn end_attempt(&mut self) -> Option<u32> {
        let owner = self.owner();
        self.owner_or_run = 0;
        owner
    }

    /// How many waiters an open connection has served while an earlier claim of another host
    /// waited.
    #[inline]
    pub(crate) fn run(&mut self) -> &mut u32 {
        debug_assert!(matches!(self.state, State::Leased | State::Idle));
        &mut self.owner_or_run
    }

    /// Whether it can carry another lease, given the setting `max_uses`.
    #[inline]
    pub(crate) fn has_room(&self, max_uses: u32) -> bool {
        matches!(self.state, State::Leased | State::Idle)
            && !self.is_retiring()
            && self.leases < self.capacity
            && !self.is_worn(max_uses)
    }

    /// Whether an attempt waits for neither a lookup nor a descriptor.
    pub(crate) fn is_under_way(&self) -> bool {
        matches!(self.phase, Some(Phase::Connect | Phase::Proxy | Phase::Tls))
    }

    /// Whether it has been opened and does not close yet.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Leased | State::Idle)
    }

    /// Whether it takes no further lease.
    #[inline]
    pub(crate) fn is_retiring(&self) -> bool {
        self.outlook == Outlook::Retiring
    }

    /// Whether its last lease has ended, and it has not become idle yet.
    #[inline]
    pub(crate) fn is_let_go(&self) -> bool {
        self.state == State::Leased && self.leases == 0
    }

    /// Whether it has had `max_uses` leases.
    #[inline]
    pub(crate) fn is_worn(&self, max_uses: u32) -> bool {
        self.uses >= max_uses
    }

    /// Enters the next state, and returns the one before.
    #[inline]
    pub(crate) fn enter(&mut self, next: State) -> State {
        debug_assert!(
            self.state.may_become(next),
            "a connection went from {:?} to {next:?}",
            self.state
        );
        std::mem::replace(&mut self.state, next)
    }
}

#[cfg(test)]
mod tests {
    use super::State::{self, Closing, Connecting, Idle, Leased, Withdrawn};

    #[test]
    fn a_record_is_small() {
        let checked = if cfg!(feature = "check") { 8 } else { 0 };
        assert_eq!(size_of::<super::Connection>(), 40 + checked);
    }

    #[test]
    fn a_connection_opens_once_and_closes_for_good() {
        let all = [Connecting, Leased, Idle, Withdrawn, Closing];
        let next = |state: State| all.map(|next| state.may_become(next));
        assert_eq!(next(Connecting), [false, true, true, true, false]);
        assert_eq!(next(Leased), [false, false, true, false, true]);
        assert_eq!(next(Idle), [false, true, false, false, true]);
        assert_eq!(next(Withdrawn), [false, false, false, false, true]);
        assert_eq!(next(Closing), [false; 5]);
    }
}
