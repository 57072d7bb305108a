//! Deadlines and expiry: the effects of time.

use crate::action::{Action, Answer, Due};
use crate::connection::State;
use crate::engine::Engine;
use crate::event::{Decision, EndReason};
use crate::room::Room;
use crate::time::Time;
use crate::timer::TimerKey;

impl<K: Eq + Clone, D: Default> Engine<K, D> {
    /// When the driver must call [`tick`](Self::tick) at the latest, and for which event. `None` if
    /// nothing will become due.
    #[inline]
    pub fn poll_timeout(&self) -> Option<(Time, Due)> {
        let expiry = self.next_expiry().map(|at| (at, Due::KeepAlive));
        let timer = self.timers.peek().map(|(at, key)| match key {
            TimerKey::Request(_) => (at, Due::Request),
            TimerKey::Connection(_) => (at, Due::Connection),
        });
        match (expiry, timer) {
            (Some(expiry), Some(timer)) => Some(if timer.0 <= expiry.0 { timer } else { expiry }),
            (expiry, timer) => expiry.or(timer),
        }
    }

    /// Handles everything due at `now`, and returns the time that applies to the input: never
    /// earlier than that of an earlier input.
    #[inline]
    pub(crate) fn advance(&mut self, now: Time, room: &mut impl Room) -> Time {
        let now = self.clamp(now);
        if self.is_due(now) {
            self.do_what_is_due(now, room);
        }
        now
    }

    #[inline]
    pub(crate) fn is_due(&self, now: Time) -> bool {
        self.poll_timeout().is_some_and(|(at, _)| at <= now)
    }

    #[cold]
    pub(crate) fn do_what_is_due(&mut self, now: Time, room: &mut impl Room) {
        while let Some((at, due)) = self.poll_timeout() {
            if at > now {
                break;
            }
            match due {
                Due::KeepAlive => self.expire_oldest(now, room),
                Due::Request | Due::Connection => self.fire(now, room),
            }
        }
        // All timeouts fire before a host is balanced. Otherwise a request that is also due could
        // inherit an attempt, and would report that it had waited for that.
        while self.balance_next(now, room) {}
    }

    #[inline]
    pub(crate) fn clamp(&mut self, now: Time) -> Time {
        let now = self.now.map_or(now, |before| before.max(now));
        self.now = Some(now);
        now
    }

    #[inline]
    fn next_expiry(&self) -> Option<Time> {
        let oldest = self.idle.front()?;
        let since = self.connections[oldest].idle_since;
        since.checked_add_nanos(self.keep_alive?)
    }

    fn expire_oldest(&mut self, now: Time, room: &mut impl Room) {
        if let Some(slot) = self.idle.front() {
            let host = self.connections[slot].host;
            self.hosts.count(host, |counts| counts.rare().expired += 1);
            self.close(now, room, slot, EndReason::KeepAlive);
        }
    }

    /// Handles the earliest deadline.
    fn fire(&mut self, now: Time, room: &mut impl Room) {
        let Some((_, key)) = self.timers.peek() else {
            return;
        };
        self.timers.withdraw(&mut self.requests, key);
        match key {
            TimerKey::Request(slot) => self.time_out(now, room, slot),
            TimerKey::Connection(slot) => match self.connections[slot].state {
                State::Connecting => self.withdraw_attempt(room, slot, EndReason::TooLate),
                State::Idle => {
                    let host = self.connections[slot].host;
                    self.hosts.count(host, |counts| counts.rare().expired += 1);
                    self.close(now, room, slot, EndReason::Lifetime);
                }
                State::Leased => self.retire(now, room, slot, EndReason::Lifetime),
                State::Withdrawn | State::Closing => {
                    let id = self.connection_id(slot);
                    self.actions.push_back(Action::Abandon(id));
                    self.event(self.connections[slot].host, |_| Decision::Abandoned {
                        connection: id,
                    });
                }
            },
        }
    }

    fn time_out(&mut self, now: Time, room: &mut impl Room, slot: u32) {
        let host = self.requests[slot].host;
        let waiting = self.waiting_of(now, room, slot);
        self.hosts
            .count(host, |counts| counts.rare().timed_out += 1);
        self.leave_queue(now, room, slot);
        self.refuse(slot, Answer::TimedOut(waiting));
    }
}
