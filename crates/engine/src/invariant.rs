//! The invariants of an engine, checked by a recount (I1 to I12 of docs/rules.md).

use std::borrow::Borrow;

use crate::arena::{List, NIL};
use crate::budget::Budget;
use crate::connection::{Connection, Outlook, State};
use crate::counters::Counts;
use crate::engine::Engine;
use crate::host::Host;
use crate::request::Stage;
use crate::room::Room;
use crate::timer::TimerKey;

/// Checks one engine after an input, by a recount of everything.
///
/// Its cost grows with the number of records: it is for tests, simulations and soaks.
///
/// # Panics
///
/// If an invariant does not hold, which is a bug of this crate.
pub fn check<K: Eq + Clone, D: Default>(engine: &Engine<K, D>, budget: &Budget) {
    let settings = &engine.settings;
    assert!(budget.open() <= settings.max_open, "I1: open in total");
    assert!(
        budget.connecting() <= settings.max_connecting.unwrap_or(usize::MAX),
        "I2: attempts in flight"
    );
    let mut total = Counts::default();
    let (mut vacant, mut listed, mut orphans) = (0, 0, 0);
    let mut provisional = std::collections::BTreeMap::<u32, usize>::new();
    for (_, connection) in engine.connections.iter() {
        if connection.outlook == Outlook::Provisional {
            assert!(connection.is_open(), "I4: what closes holds nobody back");
            *provisional.entry(connection.host).or_default() += 1;
        }
    }
    assert!(engine.dirty.is_empty(), "I4: no host is left to balance");
    for (slot, host) in engine.hosts.iter() {
        let counts = host.counts();
        let max_per_host = host.limit(settings.max_per_host);
        assert!(
            counts.open + host.reserved as usize <= max_per_host,
            "I2: open of one host"
        );
        let unused = counts.open == 0 && host.reserved == 0 && host.queue.is_empty();
        vacant += usize::from(unused && host.own_limit.is_none());
        total += counts;
        check_queue(engine, slot, host);
        listed += check_available(engine, slot, host);
        orphans += check_orphans(engine, slot, host);
        if !host.queue.is_empty() {
            assert!(host.available.is_empty(), "I4: a waiter and room beside it");
        }
        if host.queue.first_unattended().is_some() {
            assert!(host.orphans.is_empty(), "I4: a waiter and an idle attempt");
        }
        assert_eq!(
            host.provisional as usize,
            provisional.get(&slot).copied().unwrap_or(0),
            "I4: connections that hold others back are counted"
        );
        let opens = counts.connecting + host.reserved as usize + host.provisional as usize;
        assert!(
            !host.awaits_capacity() || host.queue.first_claimed().is_none(),
            "I4: a claim beside a connection that may carry all who wait"
        );
        let below = counts.open + (host.reserved as usize) < max_per_host;
        let may_claim = below && (!host.shares || opens == 0);
        assert!(
            !may_claim || host.queue.first_parked().is_none(),
            "I4: a waiter without claim that nothing holds back"
        );
    }
    assert_eq!(vacant, engine.hosts.vacant(), "vacant hosts are remembered");
    let open = engine.connections.iter();
    let (in_lists, orphaned) = open.fold((0, 0), |(listed, orphans), (_, connection)| {
        let orphan = connection.state == State::Connecting && connection.owner().is_none();
        let listed = listed + usize::from(connection.listed);
        (listed, orphans + usize::from(orphan))
    });
    if engine.settings.keep_unneeded_attempts {
        assert_eq!(engine.orphans.len(), orphans, "I4: none is missed");
    }
    assert_eq!(
        (listed, orphans),
        (in_lists, orphaned),
        "I4: lists are whole"
    );
    let hosts = engine.hosts.iter().count();
    assert_eq!(hosts, engine.hosts.len(), "every host is found by its key");
    if engine.shut_down {
        let left = total.waiting + total.idle + total.connecting;
        assert_eq!(
            left, 0,
            "I8: after the end there are leases and closings alone"
        );
    }
    check_totals(engine, total);
    check_connections(engine);
    check_timers(engine);
}

/// Checks all engines of a manager while no message between them is on its way.
///
/// # Panics
///
/// If an invariant does not hold, which is a bug of this crate.
pub fn check_settled<K: Eq + Clone, D: Default>(
    engines: &[impl Borrow<Engine<K, D>>],
    room: &mut impl Room,
) {
    let mut open = 0;
    let (mut connecting, mut withdrawn, mut closing) = (0, 0, 0);
    let mut counted = 0;
    let mut claimed = 0;
    let mut idle = 0;
    for engine in engines {
        let engine: &Engine<K, D> = engine.borrow();
        open += engine.connections.len();
        for (_, connection) in engine.connections.iter() {
            match connection.state {
                State::Connecting => connecting += 1,
                State::Withdrawn => withdrawn += 1,
                State::Closing => closing += 1,
                State::Leased | State::Idle => {}
            }
        }
        idle += engine.idle.len();
        assert_eq!(
            engine.orphans.len(),
            room.budget().orphans[usize::from(engine.shard.0)],
            "I4: attempts that could make room are counted"
        );
        let requests = engine.requests.iter();
        counted += requests.filter(|(_, request)| request.counted).count();
        let requests = engine.requests.iter();
        claimed += requests
            .filter(|(_, request)| request.stage == Stage::Claimed)
            .count();
        let reserved: u32 = engine.hosts.iter().map(|(_, host)| host.reserved).sum();
        let own = engine.requests.iter();
        let own = own.filter(|(_, request)| request.stage == Stage::Claimed);
        assert_eq!(reserved as usize, own.count(), "I3: reserved is claimed");
    }
    assert_eq!(
        counted,
        room.queued(),
        "L7: the queue's count equals the recount"
    );
    let budget = room.budget();
    assert_eq!(open, budget.open(), "I1: the counter equals the recount");
    assert_eq!(
        (connecting + withdrawn, withdrawn, withdrawn + closing),
        (budget.connecting, budget.withdrawn, budget.closing),
        "I1: a withdrawn attempt counts as one until it has ended"
    );
    assert_eq!(claimed, budget.claims(), "I3: every claim has its request");
    assert!(
        !(budget.claims() > 0
            && budget.may_connect()
            && budget.open() < engines[0].borrow().settings.max_open),
        "I4: a claim and room beside it"
    );
    assert!(
        idle == 0 || !budget.needs_eviction(),
        "I4: a claim and an idle connection that could make room"
    );
    let in_the_way = budget.orphan_in_the_way(engines[0].borrow().shard);
    assert_eq!(
        in_the_way, None,
        "I4: a claim and an attempt without owner that could make room"
    );
    assert!(!*budget.asked(), "no shard is being asked");
}

/// Checks that an engine has ended and has left nothing behind.
///
/// # Panics
///
/// If something is left, which is a bug of this crate.
pub fn check_ended<K: Eq + Clone, D: Default>(engine: &Engine<K, D>) {
    assert!(engine.is_empty(), "I11: every connection is closed");
    assert_eq!(engine.requests.len(), 0, "I12: no request is left");
    assert_eq!(
        engine.timers.in_order(&engine.requests).len(),
        0,
        "I9: nothing is due any more"
    );
    for (_, host) in engine.hosts.iter() {
        assert!(host.queue.is_empty() && host.reserved == 0);
        assert_eq!(host.counters.open(), 0, "I3: nothing is counted as open");
    }
}

fn check_queue<K: Eq + Clone, D: Default>(engine: &Engine<K, D>, slot: u32, host: &Host<K>) {
    let mut at = host.queue.front().unwrap_or(NIL);
    let mut run = 0;
    let mut length = 0;
    let mut claimed = 0;
    let mut ticket = None;
    let (mut first_claimed, mut first_parked) = (None, None);
    while at != NIL {
        let request = &engine.requests[at];
        assert_eq!(request.host, slot, "a queue holds its own host's requests");
        assert!(
            ticket.is_none_or(|before| before < request.ticket()),
            "I5: a queue is in order of arrival"
        );
        ticket = Some(request.ticket());
        let stage = match request.stage {
            Stage::Attended(attempt) => {
                let connection = &engine.connections[attempt];
                assert_eq!(
                    connection.owner(),
                    Some(at),
                    "I3: an attempt knows its owner"
                );
                0
            }
            Stage::Claimed => {
                claimed += 1;
                first_claimed.get_or_insert(at);
                1
            }
            Stage::Parked(_) => {
                first_parked.get_or_insert(at);
                2
            }
            _ => panic!("I7: an answered request is still queued"),
        };
        assert!(run <= stage, "a queue is in three runs");
        run = stage;
        length += 1;
        at = request.link.next;
    }
    assert_eq!(first_claimed, host.queue.first_claimed());
    assert_eq!(first_parked, host.queue.first_parked());
    assert_eq!(length, host.queue.len());
    assert!(claimed <= host.reserved, "I3: every claim is reserved");
}

/// Returns how many connections a host lists.
fn check_available<K: Eq + Clone, D: Default>(
    engine: &Engine<K, D>,
    slot: u32,
    host: &Host<K>,
) -> usize {
    check_list(engine, host.available, |connection| {
        assert!(connection.listed && connection.has_room(engine.max_uses));
        assert_eq!(
            connection.host, slot,
            "I6: a host lists its own connections"
        );
    })
}

/// Returns how many attempts of a host have no owner.
fn check_orphans<K: Eq + Clone, D: Default>(
    engine: &Engine<K, D>,
    slot: u32,
    host: &Host<K>,
) -> usize {
    check_list(engine, host.orphans, |connection| {
        assert_eq!(connection.state, State::Connecting);
        assert_eq!((connection.owner(), connection.host), (None, slot));
    })
}

fn check_list<K, D>(engine: &Engine<K, D>, list: List, each: impl Fn(&Connection)) -> usize {
    let (mut at, mut last, mut length) = (list.front, NIL, 0);
    while at != NIL {
        let connection = &engine.connections[at];
        each(connection);
        assert_eq!(connection.host_link.previous, last);
        length += 1;
        last = at;
        at = connection.host_link.next;
    }
    assert_eq!(last, list.back);
    length
}

fn check_totals<K: Eq + Clone, D: Default>(engine: &Engine<K, D>, recount: Counts) {
    let total = engine.hosts.counts();
    let gauges = |counts: Counts| {
        (
            (counts.open, counts.connecting, counts.leased),
            (counts.idle, counts.closing, counts.waiting),
        )
    };
    assert_eq!(gauges(total), gauges(recount), "I1: totals are the sums");
    assert_eq!(
        total.open,
        engine.connections.len(),
        "I3: every connection counts"
    );
    assert_eq!(total.idle, engine.idle.len());
}

fn check_connections<K: Eq + Clone, D: Default>(engine: &Engine<K, D>) {
    let mut per_host = std::collections::BTreeMap::<u32, Counts>::new();
    let mut holders = std::collections::BTreeMap::<u32, u32>::new();
    for (_, request) in engine.requests.iter() {
        if let Stage::Assigned(held, _) | Stage::Held(held, _) = request.stage {
            *holders.entry(held).or_default() += 1;
        }
    }
    for (slot, connection) in engine.connections.iter() {
        let counts = per_host.entry(connection.host).or_default();
        match connection.state {
            State::Connecting => counts.connecting += 1,
            State::Leased => counts.leased += 1,
            State::Idle => counts.idle += 1,
            State::Withdrawn | State::Closing => counts.closing += 1,
        }
        let used = connection.leases > 0;
        assert_eq!(used, connection.state == State::Leased, "I3: one state");
        assert!(
            connection.listed == connection.has_room(engine.max_uses),
            "I4: room is listed"
        );
        assert!(connection.uses <= engine.max_uses, "C6: uses are bounded");
        if connection.state == State::Idle {
            assert!(
                !connection.is_retiring(),
                "C6: what is at its end is not kept"
            );
            let kept = connection.uses > 0 && engine.settings.keep_alive.is_zero();
            assert!(!kept, "M2: without keep_alive nothing is kept");
        }
        #[cfg(feature = "check")]
        {
            let ends = connection.ends.zip(engine.now);
            assert!(
                ends.is_none_or(|(end, now)| now < end) || !connection.has_room(engine.max_uses),
                "C6: a lifetime has its end"
            );
        }
        assert_eq!(
            holders.remove(&slot).unwrap_or(0),
            u32::from(connection.leases),
            "I7: a lease has one holder"
        );
    }
    assert!(holders.is_empty(), "I3: what is held is there");
    for (slot, host) in engine.hosts.iter() {
        let recount = per_host.remove(&slot).unwrap_or_default();
        let counts = host.counts();
        assert_eq!(
            (
                counts.connecting,
                counts.leased,
                counts.idle,
                counts.closing
            ),
            (
                recount.connecting,
                recount.leased,
                recount.idle,
                recount.closing
            ),
            "I1: a host's figures equal the recount"
        );
    }
    let mut since = None;
    for slot in engine.idle.iter() {
        let connection = &engine.connections[slot];
        assert_eq!(connection.state, State::Idle);
        assert!(since.is_none_or(|before| before <= connection.idle_since));
        since = Some(connection.idle_since);
    }
}

fn check_timers<K: Eq + Clone, D: Default>(engine: &Engine<K, D>) {
    assert!(
        engine.timers.is_in_order(&engine.requests),
        "I9: what is due first is known"
    );
    let mut set = 0;
    for (slot, request) in engine.requests.iter() {
        let at = engine.timers.at(&engine.requests, TimerKey::Request(slot));
        set += usize::from(at.is_some());
        let overdue = request.deadline.zip(engine.now);
        let overdue = overdue.is_some_and(|(deadline, now)| deadline <= now);
        assert!(!overdue || !request.waits(), "I9: nobody waits too long");
        match request.stage {
            Stage::Attended(_) => {
                assert_eq!(
                    at, request.deadline,
                    "I9: an attempt ends the queue's deadline"
                );
                assert!(!request.counted, "L7: an attended request is not queued");
            }
            Stage::Claimed | Stage::Parked(_) => {
                let deadlines = [request.attempt_deadline(), request.deadline];
                let soonest = deadlines.into_iter().flatten().min();
                assert_eq!(at, soonest, "I9: a waiter has its deadline");
            }
            _ => {
                assert_eq!(at, None, "I9: an answered request has no deadline");
                assert!(!request.counted, "L7: an answered request is not queued");
            }
        }
    }
    for (slot, connection) in engine.connections.iter() {
        let at = engine
            .timers
            .at(&engine.requests, TimerKey::Connection(slot));
        set += usize::from(at.is_some());
        let attempt = connection.state == State::Connecting;
        assert!(
            !attempt || at.is_some() == connection.owner().is_none(),
            "I9: an attempt ends with its owner, or by its own deadline"
        );
    }
    assert_eq!(
        set,
        engine.timers.in_order(&engine.requests).len(),
        "I9: no deadline without its record"
    );
}
