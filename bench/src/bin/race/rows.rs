//! The questions.

use std::net::IpAddr;
use std::time::Duration;

use crate::network::{Path, REFUSES, v4, v6};

/// One question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) title: &'static str,
    pub(crate) name: &'static str,
    pub(crate) found: Found,
    /// When RFC 8305, with the delays that it recommends, has the attempt begin that succeeds, and
    /// the time that this one's path takes.
    pub(crate) allowed: Duration,
}

/// How the addresses of a name are found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found {
    /// Each contender receives them, in this order.
    Known(&'static [IpAddr]),
    /// Each contender asks a DNS server, which takes so long.
    Asked { a: Duration, aaaa: Duration },
}

/// The address of every name that the DNS server knows.
pub(crate) const ASKED_V4: IpAddr = v4(Path::Prompt, 9);
pub(crate) const ASKED_V6: IpAddr = v6(Path::Prompt, 9);

const NONE: Duration = Duration::ZERO;
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(2);

pub(crate) const ROWS: &[Row] = &[
    Row {
        title: "both families answer at once",
        name: "both.test",
        found: Found::Known(&[v6(Path::Prompt, 1), v4(Path::Prompt, 1)]),
        allowed: NONE,
    },
    Row {
        title: "IPv6 is dead: nothing comes back",
        name: "dead.test",
        found: Found::Known(&[v6(Path::Silent, 1), v4(Path::Prompt, 1)]),
        allowed: ATTEMPT_DELAY,
    },
    Row {
        title: "IPv6 is refused",
        name: "refused.test",
        found: Found::Known(&[REFUSES, v4(Path::Prompt, 1)]),
        allowed: NONE,
    },
    Row {
        title: "IPv6 is slow by 100 ms",
        name: "slow.test",
        found: Found::Known(&[v6(Path::Slow(10), 1), v4(Path::Prompt, 1)]),
        allowed: Duration::from_millis(100),
    },
    Row {
        title: "IPv6 is slow by 300 ms",
        name: "slower.test",
        found: Found::Known(&[v6(Path::Slow(30), 1), v4(Path::Prompt, 1)]),
        allowed: ATTEMPT_DELAY,
    },
    Row {
        title: "the first of five addresses is dead",
        name: "five.test",
        found: Found::Known(&[
            v4(Path::Silent, 1),
            v4(Path::Prompt, 1),
            v4(Path::Prompt, 2),
            v4(Path::Prompt, 3),
            v4(Path::Prompt, 4),
        ]),
        allowed: ATTEMPT_DELAY,
    },
    Row {
        title: "DNS: AAAA is slow by 2 s",
        name: "aaaa-slow.test",
        found: Found::Asked {
            a: NONE,
            aaaa: LONG,
        },
        allowed: RESOLUTION_DELAY,
    },
    Row {
        title: "DNS: A is slow by 2 s",
        name: "a-slow.test",
        found: Found::Asked {
            a: LONG,
            aaaa: NONE,
        },
        allowed: NONE,
    },
];
