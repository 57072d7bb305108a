//! A hash of all that decides the future of engines that share a budget. It does not depend on
//! their history: two states with one fingerprint answer equal inputs with equal actions.
//!
//! Every field is named, so that a new field does not compile until its author has decided about
//! it. These are left out, or given in a form of their own:
//!
//! - *Slots, numbers and serials* are names. A place stands for each. For a request it is its place
//!   in its queue, or the connection that it holds. For a connection it is its places in lists, its
//!   owner and its holders. Records alike in all of that are interchangeable. Slots also set the order in
//!   which records are visited, which only the actions of one input show (`end_all`). The slot
//!   taken next is only the next name.
//! - *Tickets* are compared, and only those of waiting requests: their ranks among all shards.
//! - *Overtakes* are subtracted from each other: how many since each request began to wait, up to the bound.
//! - *Deadlines* are compared with the present: the time until then, zero if it has passed. Idle
//!   times are compared with each other, and with `keep_alive`.
//! - *Figures that only grow*, phases, timings and the random generator are only reported or drawn
//!   from. They decide nothing as long as the jitter is zero.

use crate::action::Message;
use crate::arena::{Arena, Link, List, NIL};
use crate::budget::{Budget, Claim, Grant};
use crate::connection::{Connection, State};
use crate::counters::Counts;
use crate::engine::Engine;
use crate::host::{Host, Hosts};
use crate::ids::{HostId, ShardId, Ticket};
use crate::queue::Queue;
use crate::request::{FromCache, Request, Stage};
use crate::room::LocalRoom;
use crate::time::Time;
use crate::timer::{TimerKey, Timers};
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

/// Feeds `into` with the state at `now` of all engines of a manager, their budget, and the messages
/// on their way. The order of messages is left out: they may overtake each other.
pub fn fingerprint<'a, K: Ord + Hash + Clone + 'a>(
    engines: &[Engine<K>],
    room: &LocalRoom,
    messages: impl Iterator<Item = (usize, &'a Message)>,
    now: Time,
    into: &mut impl Hasher,
) {
    let view = View::new(engines, room, now);
    for engine in engines {
        view.engine(engine, into);
    }
    view.room(room, into);
    let mut messages: Vec<_> = messages
        .map(|(shard, message)| (shard, view.message(message)))
        .collect();
    messages.sort_unstable();
    messages.hash(into);
}

/// The values that absolute figures are compared with.
struct View<'a, K> {
    engines: &'a [Engine<K>],
    now: Time,
    overtakes: u64,
    max_overtakes: u64,
    /// The tickets of all waiting requests, in order.
    tickets: Vec<Ticket>,
    /// The times since which connections are idle, or were published as idle, in order.
    idle: Vec<Time>,
}

/// A connection without its name.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct ConnectionView {
    host: Option<usize>,
    state: u8,
    /// The request that owns the attempt, by its place in the host's queue.
    owner: Option<usize>,
    available: Option<usize>,
    orphan: Option<usize>,
    idle: Option<usize>,
    /// Its place among the attempts without owner of all hosts.
    left: Option<usize>,
    idle_since: Option<usize>,
    expiry: Option<u128>,
    due: Option<(u128, usize)>,
    leases: u16,
    capacity: u16,
    uses: u32,
    ends: Option<u128>,
    run: u32,
    /// Whether a user had it before the requests that have yet to take it.
    taken: bool,
    listed: bool,
    outlook: u8,
    holders: Vec<HolderView>,
}

/// A request that holds the connection, or has yet to take it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct HolderView {
    taken: bool,
    from_cache: u8,
    /// They apply again if the connection is rejected.
    deadlines: [Option<u128>; 2],
    lost: bool,
}

impl<'a, K: Ord + Hash + Clone> View<'a, K> {
    fn new(engines: &'a [Engine<K>], room: &LocalRoom, now: Time) -> Self {
        let Budget {
            overtakes,
            max_overtakes,
            ref claims,
            ..
        } = room.budget;
        let requests = engines.iter().flat_map(|engine| engine.requests.iter());
        let waiting = requests.filter(|(_, request)| request.waits());
        let mut tickets: Vec<Ticket> = waiting.map(|(_, request)| request.ticket()).collect();
        tickets.extend(claims.keys());
        tickets.sort_unstable();
        tickets.dedup();
        let open = engines.iter().flat_map(|engine| engine.connections.iter());
        let idle = open.filter(|(_, connection)| connection.state == State::Idle);
        let mut idle: Vec<Time> = idle.map(|(_, connection)| connection.idle_since).collect();
        idle.extend(room.idle.iter().flatten());
        idle.sort_unstable();
        idle.dedup();
        Self {
            engines,
            now,
            overtakes,
            max_overtakes,
            tickets,
            idle,
        }
    }

    fn engine(&self, engine: &Engine<K>, into: &mut impl Hasher) {
        let Engine {
            settings,
            keep_alive: _, // a setting
            timeout: _,    // another
            max_uses: _,   // another
            shard,
            hosts,
            requests: _, // their hosts and connections lead to them
            connections,
            idle,
            orphans,
            timers,
            actions,
            waiting_time: _,
            random: _,
            now,
            shut_down,
            unsettled,
            dirty: _, // it is empty
            serial: _,
            is_general: _,  // it decides about no state
            lent_since: _,  // none once the lanes are called back
            lent_until: _,  // the same
            returned_at: _, // none between inputs
            events: _,      // nor do they
        } = engine;
        let now = now.map(|now| self.until(now));
        (shard, now, shut_down, unsettled, actions.len()).hash(into);
        let due = self.timers(engine, timers);
        let order = by_key(hosts);
        let mut open: BTreeMap<u32, ConnectionView> = connections
            .iter()
            .map(|(slot, connection)| (slot, self.connection(connection)))
            .collect();
        for (slot, view) in &mut open {
            view.due = place(&due, TimerKey::Connection(*slot));
            let host = connections[*slot].host;
            view.host = order.iter().position(|&slot| slot == host);
            if view.idle_since.is_some() {
                let since = connections[*slot].idle_since;
                let expiry = since.checked_add(settings.keep_alive);
                view.expiry = expiry.map(|at| self.until(at));
            }
        }
        let refused = self.holders(engine, &mut open);
        for (place, slot) in idle.iter().enumerate() {
            open.entry(slot).or_default().idle = Some(place);
        }
        for (place, slot) in orphans.iter().enumerate() {
            open.entry(slot).or_default().left = Some(place);
        }
        let Hosts {
            table: _, // leads to the records by their keys
            arena,
            vacant,
            remembered,
            serial: _,
            total: _,   // the sums of theirs
            waiting: _, // and of their queues' lengths
        } = hosts;
        debug_assert!(
            vacant.len() <= *remembered && arena.len() <= *remembered,
            "while none is forgotten, the order of vacant hosts decides nothing"
        );
        gauges(hosts.counts()).hash(into);
        for slot in order {
            self.host(engine, slot, &due, &mut open, into);
        }
        let mut open: Vec<ConnectionView> = open.into_values().collect();
        open.sort_unstable();
        (open, refused).hash(into);
    }

    fn host(
        &self,
        engine: &Engine<K>,
        slot: u32,
        due: &[(TimerKey, u128)],
        open: &mut BTreeMap<u32, ConnectionView>,
        into: &mut impl Hasher,
    ) {
        let Host {
            key,
            hash: _,
            serial: _,
            queue:
                Queue {
                    list,
                    len: _,
                    first_claimed,
                    first_parked,
                },
            available,
            orphans,
            reserved,
            provisional: _, // as many as its connections say
            counters: _,
            overtakes_before,
            own_limit,
            shares,
        } = engine.hosts.at(slot);
        (
            key,
            reserved,
            gauges(engine.hosts.at(slot).counts()),
            self.overtakes_before(*overtakes_before),
            own_limit,
            shares,
        )
            .hash(into);
        for (place, slot) in walk(&engine.requests, *list, |request| request.link) {
            let first = (slot == *first_claimed, slot == *first_parked);
            (first, self.request(&engine.requests[slot])).hash(into);
            self::place(due, TimerKey::Request(slot)).hash(into);
            if let Stage::Attended(attempt) = engine.requests[slot].stage {
                open.entry(attempt).or_default().owner = Some(place);
            }
        }
        let link = |connection: &Connection| connection.host_link;
        for (place, slot) in walk(&engine.connections, *available, link) {
            open.entry(slot).or_default().available = Some(place);
        }
        for (place, slot) in walk(&engine.connections, *orphans, link) {
            open.entry(slot).or_default().orphan = Some(place);
        }
    }

    /// Adds their holders to the connections, and returns how many requests are refused.
    fn holders(&self, engine: &Engine<K>, open: &mut BTreeMap<u32, ConnectionView>) -> usize {
        let mut refused = 0;
        for (_, request) in engine.requests.iter() {
            let (connection, taken, from_cache) = match request.stage {
                Stage::Parked(_) | Stage::Claimed | Stage::Attended(_) => continue,
                Stage::Refused => {
                    refused += 1;
                    continue;
                }
                Stage::Assigned(connection, from_cache) => (connection, false, from_cache),
                Stage::Held(connection, _) => (connection, true, None),
            };
            let view = open.entry(connection).or_default();
            view.holders.push(HolderView {
                taken,
                from_cache: match from_cache {
                    None => 0,
                    Some(FromCache::Immediate) => 1,
                    Some(FromCache::Deferred) => 2,
                },
                deadlines: [request.deadline, request.attempt_deadline()]
                    .map(|at| at.map(|at| self.until(at))),
                lost: request.is_lost(),
            });
        }
        for view in open.values_mut() {
            view.holders.sort_unstable();
            let mut holders = view.holders.iter();
            view.taken &= holders.any(|holder| !holder.taken && holder.from_cache == 0);
            // Only two things count: whether a user ever took it, and the uses that withdrawn
            // requests give back.
            let assigned = view.holders.iter().filter(|holder| !holder.taken).count();
            if engine.max_uses == u32::MAX {
                view.uses = view.uses.saturating_sub(assigned as u32).min(1);
            }
        }
        refused
    }

    fn connection(&self, connection: &Connection) -> ConnectionView {
        let Connection {
            serial: _,
            host: _, // its place in the order of keys is
            state,
            permit: _, // the right to be here
            phase,
            owner_or_run,
            host_link: _, // a place in a list
            idle_since,
            leases,
            capacity,
            uses,
            ends,
            listed,
            outlook,
        } = connection;
        let idle = *state == State::Idle;
        let open = idle || *state == State::Leased;
        ConnectionView {
            state: *state as u8,
            idle_since: idle.then(|| self.age(*idle_since)),
            leases: *leases,
            capacity: *capacity,
            uses: *uses,
            ends: ends.map(|at| self.until(at)),
            run: if open { *owner_or_run } else { 0 },
            taken: phase.is_none(),
            listed: *listed,
            outlook: *outlook as u8,
            ..ConnectionView::default()
        }
    }

    /// A waiting request.
    fn request(&self, request: &Request<()>) -> impl Hash {
        let Request {
            number: _,
            host: _, // it stands in its queue
            stage,
            link: _,
            timer: _, // its place among all that is due tells
            ticket_or_queued: _,
            since: _,
            deadline,
            rare: _, // asked for below
            counted,
            data: _,
        } = request;
        let stage = match stage {
            Stage::Parked(_) => 0_u8,
            Stage::Claimed => 1,
            Stage::Attended(_) => 2,
            Stage::Assigned(..) | Stage::Refused | Stage::Held(..) => 3,
        };
        let deadlines = [*deadline, request.attempt_deadline()];
        let deadlines = deadlines.map(|at| at.map(|at| self.until(at)));
        // The count goes into the claim: a request that has had a claim does not need it any more.
        let overtakes_before =
            (stage == 0).then(|| self.overtakes_before(request.overtakes_before(self.overtakes)));
        (
            stage,
            self.rank(request.ticket()),
            overtakes_before,
            deadlines,
            (*counted, request.is_lost()),
        )
    }

    /// All deadlines with their records, the first due first.
    fn timers(&self, engine: &Engine<K>, timers: &Timers) -> Vec<(TimerKey, u128)> {
        let order = timers.in_order(&engine.requests).into_iter();
        order.map(|(at, key)| (key, self.until(at))).collect()
    }

    fn room(&self, room: &LocalRoom, into: &mut impl Hasher) {
        let LocalRoom {
            budget,
            idle,
            tickets: _,
            queued,
        } = room;
        let Budget {
            max_open: _,
            max_connecting: _,
            max_overtakes: _,
            open,
            connecting,
            withdrawn,
            closing,
            orphans: _, // the engines' own
            overtakes: _,
            asked,
            frozen,
            claims,
            by_overtakes,
        } = budget;
        let idle = idle.iter().map(|since| since.map(|since| self.age(since)));
        (idle.collect::<Vec<_>>(), queued).hash(into);
        (open, connecting, withdrawn, closing, asked, frozen).hash(into);
        for (ticket, claim) in claims {
            let Claim {
                shard,
                host,
                overtakes_before,
            } = claim;
            let host = self.host_of(*shard, *host);
            (
                self.rank(*ticket),
                shard,
                host,
                self.overtakes_before(*overtakes_before),
            )
                .hash(into);
        }
        let by_overtakes = by_overtakes.iter().map(|&(overtakes_before, ticket)| {
            (self.overtakes_before(overtakes_before), self.rank(ticket))
        });
        let mut by_overtakes: Vec<_> = by_overtakes.collect();
        by_overtakes.sort_unstable();
        by_overtakes.hash(into);
    }

    fn message(&self, message: &Message) -> Option<(ShardId, Option<usize>)> {
        match message {
            Message::Grant(Grant {
                shard,
                host,
                permit: _,
            }) => Some((*shard, self.host_of(*shard, *host))),
            Message::MakeRoom => None,
        }
    }

    /// A host's place in the order of keys, if the host is still known.
    fn host_of(&self, shard: ShardId, id: HostId) -> Option<usize> {
        let hosts = &self.engines[usize::from(shard.0)].hosts;
        hosts.get(id)?;
        by_key(hosts).iter().position(|&slot| slot == id.slot)
    }

    fn rank(&self, ticket: Ticket) -> usize {
        self.tickets.partition_point(|&other| other < ticket)
    }

    fn overtakes_before(&self, overtakes_before: u64) -> u64 {
        (self.overtakes - overtakes_before).min(self.max_overtakes)
    }

    fn until(&self, at: Time) -> u128 {
        at.saturating_duration_since(self.now).as_nanos()
    }

    /// How many idle times are earlier.
    fn age(&self, since: Time) -> usize {
        self.idle.partition_point(|&other| other < since)
    }
}

/// The slots of all hosts, in the order of their keys.
fn by_key<K: Ord + Clone>(hosts: &Hosts<K>) -> Vec<u32> {
    let mut slots: Vec<u32> = hosts.arena.iter().map(|(slot, _)| slot).collect();
    slots.sort_unstable_by_key(|&slot| &hosts.arena[slot].key);
    slots
}

fn walk<T>(arena: &Arena<T>, list: List, link: fn(&T) -> Link) -> Vec<(usize, u32)> {
    let mut slots = Vec::new();
    let mut at = list.front;
    while at != NIL {
        slots.push((slots.len(), at));
        at = link(&arena[at]).next;
    }
    slots
}

/// When a deadline is due, and its rank among those that are due at the same time.
fn place(due: &[(TimerKey, u128)], key: TimerKey) -> Option<(u128, usize)> {
    let rank = due.iter().position(|&(other, _)| other == key)?;
    Some((due[rank].1, rank))
}

fn gauges(counts: Counts) -> impl Hash {
    let Counts {
        open,
        connecting,
        leased,
        idle,
        closing,
        waiting,
        ..
    } = counts;
    ((open, connecting, leased), (idle, closing, waiting))
}
