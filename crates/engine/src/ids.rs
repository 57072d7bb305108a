//! Names of requests, connections, hosts and shards.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Names a request for the life of the process.
///
/// Equality, order and hash use a number that is never used twice.
#[derive(Clone, Copy)]
pub struct RequestId {
    pub(crate) number: u64,
    pub(crate) slot: u32,
    pub(crate) shard: ShardId,
}

impl RequestId {
    /// Names a request that was refused before it came to an engine.
    pub fn outside(number: u64, shard: ShardId) -> Self {
        Self {
            number,
            slot: u32::MAX,
            shard,
        }
    }

    /// The shard that holds the request.
    #[inline]
    pub fn shard(self) -> ShardId {
        self.shard
    }

    /// Where the shard keeps the request: a small number, which later requests use again.
    #[inline]
    pub fn slot(self) -> usize {
        self.slot as usize
    }
}

impl PartialEq for RequestId {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for RequestId {}

impl PartialOrd for RequestId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RequestId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number.cmp(&other.number)
    }
}

impl Hash for RequestId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({})", self.number)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

/// Names a connection, from the start of its attempt until it is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    pub(crate) slot: u32,
    /// Tells the connections of one slot apart. It comes again after 2^32 connections.
    pub(crate) serial: u32,
}

impl ConnectionId {
    /// Where the shard keeps the connection: a small number, which later connections use again.
    #[inline]
    pub fn slot(self) -> usize {
        self.slot as usize
    }
}

/// Names a host of one engine, as long as the host has connections or requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId {
    pub(crate) slot: u32,
    pub(crate) serial: u32,
}

/// Names one of the engines that share a [`Budget`](crate::Budget).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

/// A place in the order of arrival, across all shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

#[cfg(test)]
mod tests {
    use std::collections::hash_map::DefaultHasher;

    use super::*;

    fn hash(id: RequestId) -> u64 {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn a_request_is_its_number() {
        let [first, again, second] =
            [(7, 0, 0), (7, 3, 1), (8, 0, 0)].map(|(number, slot, shard)| {
                let shard = ShardId(shard);
                RequestId {
                    number,
                    slot,
                    shard,
                }
            });
        assert!(first == again && first != second);
        assert_eq!(first.partial_cmp(&second), Some(Ordering::Less));
        assert!(hash(first) == hash(again) && hash(first) != hash(second));
        assert_eq!(again.slot(), 3);
        assert_eq!(format!("{first} {first:?}"), "7 RequestId(7)");
    }

    #[test]
    fn a_connection_is_where_it_is_kept() {
        let connection = ConnectionId { slot: 3, serial: 9 };
        assert_eq!(connection.slot(), 3);
    }

    #[test]
    fn one_that_no_engine_has_is_in_no_slot() {
        let outside = RequestId::outside(7, ShardId(2));
        assert_eq!(
            (outside.slot(), outside.shard()),
            (u32::MAX as usize, ShardId(2))
        );
    }
}
