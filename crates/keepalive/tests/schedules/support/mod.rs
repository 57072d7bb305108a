//! Helpers that the scenarios share.

mod explore;
mod flag;
mod mock;

use keepalive::simulated::Runtime;
use keepalive::{AllocateError, Lease, Manager, ManagerBuilder, Pending, Request};
use shuttle::future::{JoinHandle, spawn, yield_now};
use shuttle::rand::{Rng, thread_rng};

pub(crate) use explore::explore;
pub(crate) use flag::Flag;
pub(crate) use mock::Mock;

/// A manager, its runtime, and its connector, which counts attempts and connections.
#[derive(Clone)]
pub(crate) struct Rig {
    pub(crate) manager: Manager<Mock>,
    pub(crate) runtime: std::sync::Arc<Runtime>,
    pub(crate) mock: Mock,
}

impl Rig {
    /// With at most so many connections per host and in total.
    pub(crate) fn new(max_per_host: usize, max_open: usize) -> Self {
        Self::with(Mock::new(max_per_host, max_open), |builder| builder)
    }

    pub(crate) fn with(mock: Mock, change: impl FnOnce(ManagerBuilder) -> ManagerBuilder) -> Self {
        let builder = Manager::builder()
            .max_per_host(mock.max_per_host())
            .max_open(mock.max_open());
        let runtime = std::sync::Arc::new(Runtime::new());
        runtime.enter();
        Self {
            manager: change(builder)
                .connector(mock.clone())
                .build()
                .expect("sound settings"),
            runtime,
            mock,
        }
    }

    pub(crate) fn ask(&self, host: usize) -> Asked {
        self.ask_for(request(host))
    }

    pub(crate) fn ask_for(&self, request: Request) -> Asked {
        Asked {
            since: self.mock.step(),
            pending: self.manager.allocate(request),
        }
    }

    /// Requests a connection, uses it for a moment, and gives it back or breaks off.
    pub(crate) async fn exchange(&self, host: usize) -> Result<(), AllocateError> {
        let lease = self.ask(host).answer().await?;
        pause().await;
        if thread_rng().gen_bool(0.8) {
            free(lease);
        } else {
            break_off(lease);
        }
        Ok(())
    }

    /// Begins tasks, each of which makes exchanges with the hosts of its list, one after another.
    pub(crate) fn exchanges<const N: usize>(
        &self,
        tasks: [&'static [usize]; N],
    ) -> [JoinHandle<()>; N] {
        tasks.map(|hosts| {
            let rig = self.clone();
            spawn(async move {
                for &host in hosts {
                    rig.exchange(host).await.expect("a connection");
                }
            })
        })
    }

    /// Ends the manager: no request waits, nothing is lost, and no task is left.
    pub(crate) async fn end(self) {
        let totals = self.manager.totals();
        assert_eq!((totals.waiting, totals.leased), (0, 0), "all were answered");
        assert_eq!(self.manager.shutdown().await, 0, "no lease is out");
        self.end_closed().await;
    }

    /// The same for a manager that has been shut down.
    pub(crate) async fn end_closed(self) {
        let totals = self.manager.totals();
        let left = (totals.waiting, totals.open, totals.idle, totals.connecting);
        assert_eq!(left, (0, 0, 0, 0), "everything has closed");
        assert_eq!(self.mock.open(), 0, "nothing is open");
        assert!(self.manager.leases().is_empty());
        self.manager.check();
        drop(self.manager);
        no_task_is_left(&self.runtime).await;
    }
}

/// The tasks of a manager that has gone end by themselves.
pub(crate) async fn no_task_is_left(runtime: &Runtime) {
    while runtime.tasks() > 0 {
        yield_now().await;
    }
}

/// A request that was made, and when.
pub(crate) struct Asked {
    since: u64,
    pub(crate) pending: Pending<Mock>,
}

impl Asked {
    pub(crate) async fn answer(self) -> Result<Lease<Mock>, AllocateError> {
        let lease = self.pending.await?;
        lease.receive(self.since);
        Ok(lease)
    }
}

/// Waits for the ends of these tasks.
pub(crate) async fn join(tasks: impl IntoIterator<Item = JoinHandle<()>>) {
    for task in tasks {
        task.await.expect("it is done");
    }
}

/// Gives a connection back.
pub(crate) fn free(lease: Lease<Mock>) {
    lease.let_go();
    lease.free();
}

/// Breaks an exchange off: its connection must not be reused.
pub(crate) fn break_off(lease: Lease<Mock>) {
    lease.spoil();
    lease.let_go();
    drop(lease);
}

/// Lets others run, or not.
pub(crate) async fn pause() {
    for _ in 0..thread_rng().gen_range(0..3) {
        yield_now().await;
    }
}

/// A request for the host of this number. Hosts 0 and 1 are of two shards.
pub(crate) fn request(host: usize) -> Request {
    const LABELS: [&str; 2] = ["0", "3"];
    let request = Request::new("mock", "127.0.0.1", 1).expect("a request");
    request.partition(LABELS[host])
}
