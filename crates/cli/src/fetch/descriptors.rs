//! How many connections the process has file descriptors for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a run opens besides connections and bodies: the standard streams, the runtime's own, files
/// of input and results, and the sockets of names that are looked up.
const BESIDES: u64 = 24;

/// What each connection needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Each {
    Socket,
    /// And the file that its body is saved in.
    SocketAndFile,
}

/// A limit on connections that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "--max-open {asked} needs {needed} file descriptors, and the process may have {available}; \
     it is lowered to {max_open} (ulimit -n {needed} allows it)"
)]
pub(crate) struct Lowered {
    pub(crate) max_open: usize,
    asked: usize,
    needed: u64,
    available: u64,
}

/// Sees to it that `max_open` connections fit: raises the soft limit on descriptors as far as the
/// hard one allows, if that is needed.
///
/// # Errors
///
/// They do not fit; so many as do are in the error.
pub(crate) fn fit(max_open: usize, each: Each) -> Result<usize, Lowered> {
    let needed = needed(max_open, each);
    let limit = getrlimit(Resource::Nofile);
    if fits(needed, limit.current) {
        return Ok(max_open);
    }
    // Not to what is needed alone: what the system counts against us is not all known here.
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    match limit {
        Some(available) if needed > available => Err(Lowered {
            max_open: room(available, each),
            asked: max_open,
            needed,
            available,
        }),
        _ => Ok(max_open),
    }
}

fn needed(max_open: usize, each: Each) -> u64 {
    (max_open as u64)
        .saturating_mul(each.descriptors())
        .saturating_add(BESIDES)
}

fn fits(needed: u64, limit: Option<u64>) -> bool {
    limit.is_none_or(|limit| needed <= limit)
}

/// How many connections there are descriptors for; one in any case.
fn room(available: u64, each: Each) -> usize {
    let room = available.saturating_sub(BESIDES) / each.descriptors();
    usize::try_from(room).unwrap_or(usize::MAX).max(1)
}

impl Each {
    fn descriptors(self) -> u64 {
        match self {
            Self::Socket => 1,
            Self::SocketAndFile => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_room_for_fits() {
        for (available, each, max_open) in [
            (64, Each::Socket, 40),
            (64, Each::SocketAndFile, 20),
            (25, Each::SocketAndFile, 1),
            (3, Each::Socket, 1),
        ] {
            assert_eq!(room(available, each), max_open, "{available} {each:?}");
            if max_open > 1 {
                assert!(fits(needed(max_open, each), Some(available)));
                assert!(!fits(needed(max_open + 1, each), Some(available)));
            }
        }
        assert!(fits(needed(usize::MAX, Each::SocketAndFile), None));
    }
}
