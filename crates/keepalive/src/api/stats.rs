//! Statistics of a manager.

use std::panic::Location;
use std::time::Duration;

use keepalive_engine::{Counts, RequestId, WaitingTime};

use crate::api::host::Host;
use crate::connect::Connector;
use crate::driver::Driver;
use crate::sync::Arc;

/// Figures of a manager, all of the same instant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// All hosts together.
    pub total: Counts,
    /// Each host that is in use or remembered.
    pub hosts: Vec<HostStats>,
    /// How long requests waited for their connections.
    pub waiting_time: WaitingTime,
}

/// Figures of one host.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HostStats {
    /// The host.
    pub host: Host,
    /// Its figures.
    pub counts: Counts,
}

/// A lease in use.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LeaseInfo {
    /// The request that it answered.
    pub id: RequestId,
    /// The host of the connection.
    pub host: Host,
    /// Time since the request was answered.
    pub held: Duration,
    /// The source location of the request.
    pub location: &'static Location<'static>,
}

pub(crate) fn stats<C: Connector>(driver: &Arc<Driver<C>>) -> Stats {
    driver.snapshot(|shards| {
        let mut stats = Stats {
            total: Counts::default(),
            hosts: Vec::new(),
            waiting_time: WaitingTime::default(),
        };
        for shard in shards {
            stats.total += shard.engine.totals();
            stats.waiting_time.add(shard.engine.waiting_time());
            let hosts = shard.engine.hosts();
            stats.hosts.extend(hosts.map(|(host, counts)| HostStats {
                host: host.clone(),
                counts,
            }));
        }
        stats
    })
}

pub(crate) fn totals<C: Connector>(driver: &Arc<Driver<C>>) -> Counts {
    driver.snapshot(|shards| {
        let mut total = Counts::default();
        for shard in shards {
            total += shard.engine.totals();
        }
        total
    })
}

pub(crate) fn leases<C: Connector>(driver: &Arc<Driver<C>>) -> Vec<LeaseInfo> {
    let now = driver.common.now();
    let mut leases = driver.snapshot(|shards| {
        let mut leases = Vec::new();
        for shard in shards {
            let held = shard.engine.held();
            leases.extend(held.map(|(id, host, since, cell)| LeaseInfo {
                id,
                host: host.clone(),
                held: now.saturating_duration_since(since),
                location: cell.location,
            }));
        }
        leases
    });
    leases.sort_by_key(|lease| (std::cmp::Reverse(lease.held), lease.id));
    leases
}
