//! Checks after a run: no busy timer or task, no lost permit, nothing left.

use std::time::Duration;

use keepalive::{Lease, Manager};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use super::books::Want;
use super::{Network, Wire, turns};

/// No timer and no task is busy while the manager is idle.
pub async fn is_quiet(network: &Network) {
    let parks = || Handle::current().metrics().worker_park_count(0);
    let before = parks();
    sleep(Duration::from_secs(3600)).await;
    let woken = parks() - before;
    // A long sleep wakes a few times by itself, as its timer comes nearer.
    if woken > 12 {
        let mut books = network.books();
        books.blame(format!("woken {woken} times in an idle hour"));
    }
}

/// No permit is lost: the manager can open as many connections as its limits allow, all at once.
pub async fn has_room(network: &Network, manager: &Manager<Network>) {
    let (limits, hosts) = {
        let books = network.books();
        (books.limits(), books.hosts())
    };
    for host in 0..hosts {
        let mut leases = Vec::new();
        for _ in 0..limits.per_host.min(limits.total) {
            let request = network.books().host(host);
            let asked = Instant::now();
            let request = request.timeout(Duration::from_secs(1));
            match manager.allocate(request).await {
                Ok(mut lease) => {
                    pick_up(&mut lease, host, asked);
                    leases.push(lease);
                }
                Err(error) => network.books().blame(format!("a permit is lost: {error}")),
            }
        }
        leases.into_iter().for_each(free);
    }
}

/// The manager notices connections that the peers close, without any request.
pub async fn is_watched(network: &Network) {
    network.all_close();
    let limits = network.books().limits();
    sleep(limits.close_timeout + super::TICK).await;
    let mut books = network.books();
    let open = books.open();
    if open > 0 {
        books.blame(format!("{open} are kept that the peer has closed"));
    }
}

/// Nothing is left of a manager after its last handle was dropped, except leaked leases.
pub async fn is_gone(network: &Network, leaked: usize) {
    let limits = network.books().limits();
    sleep(limits.close_timeout + super::TICK).await;
    turns(20).await;
    let mut books = network.books();
    let open = books.open();
    if open > leaked {
        books.blame(format!("{open} are open in the end"));
    }
    // A leaked lease keeps its manager, and so the maintenance task.
    let tasks = Handle::current().metrics().num_alive_tasks();
    if tasks > usize::from(leaked > 0) {
        books.blame(format!("{tasks} tasks are left"));
    }
}

/// A user gets a connection, for a request to this host made at `asked`.
pub fn pick_up(lease: &mut Lease<Network>, host: usize, asked: Instant) {
    let new = lease.from_cache().is_none();
    Wire::pick_up(lease, &Want { host, asked, new });
}

/// A user gives a connection back for reuse.
pub fn free(mut lease: Lease<Network>) {
    lease.put_down(true);
    lease.free();
}

/// Advances this runtime's clock to another's: clocks begin with their runtimes. It counts whole
/// milliseconds, as timers do, so that no run depends on the speed of the machine.
pub async fn catch_up(network: &Network, with: Instant) {
    let behind = with.saturating_duration_since(Instant::now());
    let behind = behind.as_nanos().div_ceil(super::TICK.as_nanos());
    let behind = u32::try_from(behind).expect("a run is short");
    tokio::time::advance(super::TICK * behind).await;
    network.books().goes_on();
}

/// A runtime whose clock only its timers move.
pub fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    runtime.expect("a runtime")
}
