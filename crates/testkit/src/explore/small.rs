//! The small worlds that are explored: one for each setting that changes the possible events.

use std::time::Duration;

use keepalive_engine::{IdleOrder, Settings};

/// The length of one step of the clock. The histogram of waiting times cannot tell it from zero, so
/// that states stay small.
pub const STEP: Duration = Duration::from_nanos(100);

/// A world so small that its states can be counted.
#[derive(Clone)]
pub struct Small {
    pub name: &'static str,
    pub hosts: u8,
    /// How many requests may exist at one time, including leases.
    pub requests: usize,
    /// Whether time passes; if not, nothing has a deadline.
    pub clock: bool,
    /// How many leases a connection may carry.
    pub capacity: u8,
    /// Whether the world may be shut down or abandoned while requests are under way.
    pub ends: bool,
    pub settings: Settings,
}

/// All small worlds, the plainest first.
pub fn all() -> Vec<Small> {
    let mut all = without_clock();
    all.extend(with_clock());
    all
}

fn without_clock() -> Vec<Small> {
    let one_each = |name, change: fn(&mut Settings)| small(name, (1, 1), change);
    let two = |name, change: fn(&mut Settings)| small(name, (1, 2), change);
    let wide = |name, change: fn(&mut Settings)| small(name, (2, 2), change);
    vec![
        one_each("one connection", |_| {}),
        one_each("strict order", |settings| settings.max_reuse_streak = 0),
        two("one each", |_| {}),
        Small {
            requests: 4,
            ..two("one each, four requests", |_| {})
        },
        Small {
            hosts: 3,
            requests: 4,
            ..two("three hosts, four requests", |_| {})
        },
        Small {
            hosts: 3,
            requests: 4,
            ..two("three hosts, strict order", |settings| {
                settings.max_reuse_streak = 0;
            })
        },
        wide("two each", |_| {}),
        wide("first in, first out", |settings| {
            settings.idle_order = IdleOrder::Fifo;
        }),
        wide("nothing kept", |settings| {
            settings.keep_alive = Duration::ZERO;
        }),
        wide("two uses", |settings| settings.max_uses = Some(2)),
        wide("one may queue", |settings| settings.max_queued = Some(1)),
        wide("one may connect", |settings| {
            settings.max_connecting = Some(1);
        }),
        wide("attempts finish", |settings| {
            settings.keep_unneeded_attempts = true;
        }),
        wide("attempts finish, one may connect", |settings| {
            settings.keep_unneeded_attempts = true;
            settings.max_connecting = Some(1);
        }),
        two("two shards, attempts finish", |settings| {
            settings.shards = 2;
            settings.keep_unneeded_attempts = true;
        }),
        one_each("two shards", |settings| settings.shards = 2),
        wide("two shards, two each", |settings| settings.shards = 2),
        two("two shards, strict order", |settings| {
            settings.shards = 2;
            settings.max_reuse_streak = 0;
        }),
        two("two shards, one may connect", |settings| {
            settings.shards = 2;
            settings.max_connecting = Some(1);
            settings.keep_unneeded_attempts = true;
        }),
        Small {
            hosts: 3,
            ..two("two shards, three hosts", |settings| settings.shards = 2)
        },
        Small {
            capacity: 2,
            ..one_each("two leases", |_| {})
        },
        Small {
            capacity: 2,
            ..wide("two leases, two each", |settings| {
                settings.max_uses = Some(3);
            })
        },
        Small {
            ends: true,
            ..two("the end", |_| {})
        },
        Small {
            ends: true,
            ..two("the end of two shards", |settings| settings.shards = 2)
        },
    ]
}

fn with_clock() -> Vec<Small> {
    let timed = |name, limits, change: fn(&mut Settings)| Small {
        clock: true,
        ..small(name, limits, change)
    };
    vec![
        timed("kept for two steps", (2, 2), |settings| {
            settings.keep_alive = STEP * 2;
        }),
        timed("answered within two steps", (1, 1), |settings| {
            settings.timeout = STEP * 2;
        }),
        timed("a lifetime of three steps", (1, 2), |settings| {
            settings.max_lifetime = Some(STEP * 3);
        }),
        timed("closed within one step", (1, 1), |settings| {
            settings.close_timeout = STEP;
            settings.keep_alive = STEP;
        }),
        timed("attempts finish within two steps", (1, 2), |settings| {
            settings.keep_unneeded_attempts = true;
            settings.timeout = STEP * 2;
        }),
        timed("two shards, kept for one step", (1, 2), |settings| {
            settings.shards = 2;
            settings.keep_alive = STEP;
        }),
        Small {
            ends: true,
            ..timed("all limits, and the end", (1, 2), |settings| {
                settings.keep_alive = STEP;
                settings.timeout = STEP * 2;
                settings.close_timeout = STEP;
                settings.max_lifetime = Some(STEP * 2);
            })
        },
    ]
}

/// Two hosts, three requests, and no limit but those of connections per host and in total.
fn small(name: &'static str, limits: (usize, usize), change: fn(&mut Settings)) -> Small {
    let mut settings = Settings {
        max_per_host: limits.0,
        max_open: limits.1,
        keep_alive: Duration::MAX,
        timeout: Duration::MAX,
        close_timeout: Duration::MAX,
        lifetime_jitter: 0.0,
        max_reuse_streak: 1,
        keep_unneeded_attempts: false,
        ..Settings::default()
    };
    change(&mut settings);
    Small {
        name,
        hosts: 2,
        requests: 3,
        clock: false,
        capacity: 1,
        ends: false,
        settings,
    }
}
