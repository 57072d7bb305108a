//! Attempts, claims for room, grants and evictions (L1 to L7).

use std::time::Duration;

use crate::action::{Action, Answer};
use crate::arena::NIL;
use crate::budget::{Grant, Permit};
use crate::connection::{Connection, Outlook, State};
use crate::engine::Engine;
use crate::event::{Decision, EndReason};
use crate::request::{Request, Stage};
use crate::room::Room;
use crate::time::Time;
use crate::timer::TimerKey;

/// How many attempts without owner a host may let finish.
const FINISHING: usize = 4;

/// How long such an attempt may take at most, if the manager's `timeout` is not less.
const FINISHES_WITHIN: Duration = Duration::from_secs(120);

impl<K: Eq + Clone, D: Default> Engine<K, D> {
    /// Brings a host's attempts and claims in line with its queue and its limit.
    pub(crate) fn balance(&mut self, now: Time, room: &mut impl Room, host: u32) {
        while let Some(orphan) = self.hosts.at(host).orphans.front()
            && let Some(request) = self.hosts.at(host).queue.first_unattended()
        {
            if self.requests[request].stage == Stage::Claimed {
                self.withdraw_claim(room, request);
            }
            self.remove_orphan(room, host, orphan);
            self.timers
                .withdraw(&mut self.requests, TimerKey::Connection(orphan));
            self.attend(now, room, request, orphan);
            self.event(host, |engine| Decision::AttemptAdopted {
                connection: engine.connection_id(orphan),
                request: engine.request_id(request),
            });
        }
        while let Some(orphan) = self.unwanted_orphan(host) {
            self.withdraw_attempt(room, orphan, EndReason::Unneeded);
        }
        while self.may_claim(host)
            && let Some(request) = self.hosts.at(host).queue.first_parked()
        {
            let overtakes_before = self.requests[request].overtakes_before(room.overtakes());
            let overtakes_before = overtakes_before.max(self.hosts.at(host).overtakes_before);
            let Self {
                hosts, requests, ..
            } = self;
            hosts.at_mut(host).queue.claim(requests, request);
            self.note_wait(request);
            let ticket = self.requests[request].ticket();
            let id = self.hosts.id(host);
            match self
                .budget(room)
                .claim(ticket, self.shard, id, overtakes_before)
            {
                Some(permit) => {
                    // A grant for an older request may be on its way; permits are alike.
                    let first = self.hosts.at(host).queue.first_claimed();
                    self.start_attempt(now, room, host, first.unwrap_or(request), permit);
                }
                None => self.hosts.at_mut(host).reserved += 1,
            }
        }
    }

    /// An attempt without owner to withdraw: one that may not finish, or the newest if there are
    /// too many.
    fn unwanted_orphan(&self, host: u32) -> Option<u32> {
        let orphans = &self.hosts.at(host).orphans;
        let mut orphan = orphans.front()?;
        for _ in 0..FINISHING {
            if !self.may_finish(orphan) {
                return Some(orphan);
            }
            orphan = self.connections[orphan].host_link.next;
            if orphan == NIL {
                return None;
            }
        }
        orphans.back()
    }

    /// Whether an attempt without owner may go on. An attempt that waits for a lookup or a
    /// descriptor may not: other attempts may wait for the same.
    fn may_finish(&self, attempt: u32) -> bool {
        let connection = &self.connections[attempt];
        self.settings.keep_unneeded_attempts && connection.is_under_way() && !self.shut_down
    }

    /// Uses a granted permit for the first claimed request of its host.
    pub(crate) fn use_grant(&mut self, now: Time, room: &mut impl Room, grant: Grant) {
        let host = grant.host.slot;
        debug_assert!(
            self.hosts.get(grant.host).is_some(),
            "a reserved host stays"
        );
        self.hosts.at_mut(host).reserved -= 1;
        // Permits of one host are alike. But the permit of a request that has gone does not go to a
        // later request of the host. Each request has its own place among the claims.
        let first = self.hosts.at(host).queue.first_claimed();
        let due = first.filter(|&first| !room.budget().has_claim(self.requests[first].ticket()));
        match due {
            Some(request) => self.start_attempt(now, room, host, request, grant.permit),
            None => self.budget(room).decline(grant.permit),
        }
        self.mark(host);
    }

    /// Ends an attempt that has failed: its owner alone is answered (L6).
    pub(crate) fn fail(&mut self, now: Time, room: &mut impl Room, slot: u32) {
        let host = self.connections[slot].host;
        self.event(host, |engine| Decision::AttemptFailed {
            connection: engine.connection_id(slot),
            request: engine.connections[slot]
                .owner()
                .map(|owner| engine.request_id(owner)),
        });
        match self.connections[slot].owner() {
            Some(owner) => {
                let phase = self.connections[slot].phase;
                self.requests[owner].book(now, phase);
                self.requests[owner].stage = Stage::Refused;
                self.unqueue(owner);
                self.hosts.count(host, |counts| counts.rare().failed += 1);
                self.refuse(owner, Answer::Failed);
            }
            None => self.remove_orphan(room, host, slot),
        }
        self.timers
            .withdraw(&mut self.requests, TimerKey::Connection(slot));
        let connection = self.forget_connection(slot);
        self.budget(room).decline(connection.permit);
        self.note_limit(room, host);
        self.hosts.count_out(host, State::Connecting);
        self.mark(host);
    }

    /// Withdraws an attempt that has no owner.
    pub(crate) fn withdraw_attempt(&mut self, room: &mut impl Room, slot: u32, why: EndReason) {
        let host = self.connections[slot].host;
        self.remove_orphan(room, host, slot);
        self.timers
            .withdraw(&mut self.requests, TimerKey::Connection(slot));
        self.connections[slot].enter(State::Withdrawn);
        self.hosts
            .count_move(host, State::Connecting, State::Withdrawn);
        self.budget(room).begin_withdrawal();
        let id = self.connection_id(slot);
        self.actions.push_back(Action::Cancel(id));
        self.event(host, |_| Decision::AttemptWithdrawn {
            connection: id,
            why,
        });
    }

    /// Closes the connection that a withdrawn attempt has opened all the same.
    pub(crate) fn close_unwanted(&mut self, now: Time, room: &mut impl Room, slot: u32) {
        self.connections[slot].enter(State::Closing);
        self.event(self.connections[slot].host, |engine| Decision::OpenedLate {
            connection: engine.connection_id(slot),
        });
        self.limit_close(now, slot);
        self.budget(room).withdrawal_ended();
    }

    pub(crate) fn evict(&mut self, now: Time, room: &mut impl Room, slot: u32, why: EndReason) {
        let host = self.connections[slot].host;
        self.hosts.count(host, |counts| counts.rare().evicted += 1);
        self.retire(now, room, slot, why);
    }

    /// Has the owner of a finished attempt and the first in the queue exchange attempts. The
    /// connection goes to the first, and the owner still has an attempt.
    pub(crate) fn swap_with_front(&mut self, now: Time, host: u32, finished: u32, owner: u32) {
        let Some(front) = self.hosts.at(host).queue.front() else {
            return;
        };
        let Stage::Attended(attempt) = self.requests[front].stage else {
            return;
        };
        if front == owner {
            return;
        }
        let phase = self.connections[finished].phase;
        self.requests[owner].book(now, phase);
        let phase = self.connections[attempt].phase;
        self.requests[front].book(now, phase);
        self.requests[front].stage = Stage::Attended(finished);
        self.requests[owner].stage = Stage::Attended(attempt);
        self.connections[attempt].set_owner(Some(owner));
        self.note_wait(owner);
    }

    pub(crate) fn leave_attempt(&mut self, now: Time, room: &mut impl Room, attempt: u32) {
        self.connections[attempt].set_owner(None);
        let host = self.connections[attempt].host;
        self.event(host, |engine| Decision::AttemptLeft {
            connection: engine.connection_id(attempt),
        });
        let Self {
            hosts, connections, ..
        } = self;
        let orphans = &mut hosts.at_mut(host).orphans;
        orphans.push_back(connections, attempt, Connection::host_link);
        if self.settings.keep_unneeded_attempts {
            self.orphans.push_back(attempt);
            self.budget(room).orphaned(self.shard);
            let limit = now.checked_add(self.settings.timeout.min(FINISHES_WITHIN));
            self.timers
                .set(&mut self.requests, TimerKey::Connection(attempt), limit);
        }
    }

    pub(crate) fn remove_orphan(&mut self, room: &mut impl Room, host: u32, attempt: u32) {
        if self.settings.keep_unneeded_attempts {
            self.orphans.remove(attempt);
            self.budget(room).no_orphan(self.shard);
        }
        let Self {
            hosts, connections, ..
        } = self;
        let orphans = &mut hosts.at_mut(host).orphans;
        orphans.remove(connections, attempt, Connection::host_link);
    }

    /// The connection to evict: the one idle longest (L4).
    pub(crate) fn victim(&self) -> Option<u32> {
        self.idle.front()
    }

    /// Withdraws a request's claim and returns the overtakes before it; `None` if it is granted already.
    pub(crate) fn withdraw_claim(&mut self, room: &mut impl Room, request: u32) -> Option<u64> {
        let Request { host, .. } = self.requests[request];
        let ticket = self.requests[request].ticket();
        let overtakes_before = self.budget(room).withdraw(ticket);
        if overtakes_before.is_some() {
            self.hosts.at_mut(host).reserved -= 1;
        }
        overtakes_before
    }

    /// Withdraws all claims of a host that is to open one connection at a time. Its requests wait
    /// for the host again.
    pub(crate) fn withdraw_claims(&mut self, room: &mut impl Room, host: u32) {
        while let Some(request) = self.hosts.at(host).queue.last_claimed(&self.requests) {
            let overtakes_before = self.withdraw_claim(room, request);
            let overtakes_before = overtakes_before.unwrap_or_else(|| room.overtakes());
            let Self {
                hosts, requests, ..
            } = self;
            hosts
                .at_mut(host)
                .queue
                .park(requests, request, overtakes_before);
            self.note_wait(request);
            self.mark(host);
        }
    }

    /// Marks an open connection that may come to carry more leases.
    pub(crate) fn begin_provisional(&mut self, room: &mut impl Room, slot: u32) {
        self.connections[slot].outlook = Outlook::Provisional;
        let host = self.connections[slot].host;
        self.hosts.at_mut(host).provisional += 1;
        if self.hosts.at(host).shares {
            self.withdraw_claims(room, host);
        }
    }

    /// Whether the host's own limits let it claim another permit.
    pub(crate) fn may_claim(&self, host: u32) -> bool {
        self.hosts.at(host).may_claim(self.settings.max_per_host)
    }

    /// Whether a request that joins a host's queue now would have an attempt at once.
    pub(crate) fn has_attempt_at_once(&self, room: &mut impl Room, host: u32) -> bool {
        let queue = &self.hosts.at(host).queue;
        let adopts = !self.hosts.at(host).orphans.is_empty();
        queue.first_unattended().is_none()
            && (adopts || (self.may_claim(host) && room.budget().has_room()))
    }

    fn start_attempt(
        &mut self,
        now: Time,
        room: &mut impl Room,
        host: u32,
        request: u32,
        permit: Permit,
    ) {
        let serial = self.next_serial();
        let attempt = Connection::attempt(serial, host, permit, request, now);
        let attempt = self.connections.insert(attempt);
        self.hosts.count_in(host, State::Connecting);
        self.attend(now, room, request, attempt);
        let action = Action::Connect(self.connection_id(attempt), self.hosts.id(host));
        self.actions.push_back(action);
        self.event(host, |engine| Decision::AttemptStarted {
            connection: engine.connection_id(attempt),
            request: engine.request_id(request),
        });
    }

    /// Makes a request without an attempt the owner of this one.
    fn attend(&mut self, now: Time, room: &mut impl Room, request: u32, attempt: u32) {
        self.requests[request].book(now, None);
        self.leave_count(room, request);
        if self.requests[request].attempt_deadline().is_some() {
            self.requests[request].set_attempt_deadline(None);
            let deadline = self.requests[request].deadline;
            self.timers
                .set(&mut self.requests, TimerKey::Request(request), deadline);
        }
        self.connections[attempt].set_owner(Some(request));
        let host = self.requests[request].host;
        let Self {
            hosts, requests, ..
        } = self;
        hosts.at_mut(host).queue.attend(requests, request, attempt);
        self.note_wait(request);
    }
}
