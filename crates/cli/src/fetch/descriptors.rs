//! Fits the limit on connections to the file descriptors of the process.

use crate::platform;

/// The descriptors besides those of connections and bodies: standard streams, runtime, files of
/// input and results, and sockets of the resolver.
const BESIDES: u64 = 24;

/// Raises the limit on descriptors as far as possible, if `max_open` connections with `each`
/// descriptors need it.
///
/// # Errors
///
/// There are too few descriptors even so: the number of connections that fit, and a message.
pub(crate) fn fit(max_open: usize, each: u64) -> Result<usize, (usize, String)> {
    let needed = needed(max_open, each);
    match platform::descriptor_limit(needed) {
        Some(available) if needed > available => {
            let fitting = room(available, each);
            let message = format!(
                "--max-open {max_open} needs {needed} file descriptors, and the process may have \
                 {available}; it is lowered to {fitting} (ulimit -n {needed} allows it)"
            );
            Err((fitting, message))
        }
        _ => Ok(max_open),
    }
}

fn needed(max_open: usize, each: u64) -> u64 {
    (max_open as u64)
        .saturating_mul(each)
        .saturating_add(BESIDES)
}

/// The number of connections that fit, at least one.
fn room(available: u64, each: u64) -> usize {
    let room = available.saturating_sub(BESIDES) / each;
    usize::try_from(room).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_connections_are_allowed_as_descriptors_suffice_for() {
        for (available, each, max_open) in [(64, 1, 40), (64, 2, 20), (25, 2, 1), (3, 1, 1)] {
            assert_eq!(room(available, each), max_open, "{available} {each}");
            if max_open > 1 {
                assert!(needed(max_open, each) <= available);
                assert!(needed(max_open + 1, each) > available);
            }
        }
        assert_eq!(needed(usize::MAX, 2), u64::MAX);
    }
}
