//! Row e: a crowd waits for the only connection, in a process of its own.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail, ensure};
use clap::ValueEnum;
use fastrand::Rng;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, oneshot};
use tokio::task::{AbortHandle, yield_now};

use crate::contenders::{
    Bb8, Contender, Deadpool, HyperUtil, Keepalive, Queue, Role, Semaphore, Setup,
};
use crate::measure::{Subject, interleave};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::report::grouped;
use crate::table::{Better, Table};
use crate::{child, clock, runtime};

/// How waiting ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Ending {
    /// One after the other has the connection.
    Drain,
    /// The tasks are aborted in random order.
    Cancel,
}

/// The cost of a waiter.
#[derive(Serialize, Deserialize)]
pub struct Cost {
    /// Processor time from the first end to the last, per waiter.
    pub nanoseconds: f64,
    /// Resident memory while all wait, per waiter, its task included.
    pub bytes: f64,
}

/// Row e.
pub(super) fn measure(plan: &Plan, progress: &Progress) -> Result<Vec<Table>> {
    let mut subjects = vec![
        Waiters::boxed::<Semaphore>(plan.waiters_count, plan.waiters_count),
        Waiters::boxed::<Deadpool>(plan.waiters_count, plan.waiters_count),
        Waiters::boxed::<Bb8>(plan.waiters_count, plan.waiters_count),
        Waiters::boxed::<HyperUtil>(plan.waiters_count, plan.waiters_scanned),
        Waiters::boxed::<Keepalive>(plan.waiters_count, plan.waiters_count),
    ];
    let lines = interleave(&mut subjects, plan.waiters, progress)?;
    let scanned = format!(
        "hyper-util's pool goes through all waiters for each that is cancelled, so it has {} here",
        grouped(plan.waiters_scanned.into())
    );
    let heads = [
        (
            "e-drain",
            "to serve all in turn",
            "ns of processor time per waiter",
            vec![],
        ),
        (
            "e-cancel",
            "to cancel all in random order",
            "ns of processor time per waiter",
            vec![scanned],
        ),
        (
            "e-memory",
            "memory while all wait, tasks included",
            "resident bytes per waiter",
            vec![],
        ),
    ];
    let tables = heads
        .into_iter()
        .zip(lines)
        .map(|((id, what, unit, notes), lines)| Table {
            id,
            title: format!(
                "{} waiters on one slot: {what}",
                grouped(plan.waiters_count.into())
            ),
            unit,
            better: Better::Lower,
            reference: Some(Semaphore::NAME.to_owned()),
            lines,
            notes,
        });
    Ok(tables.collect())
}

struct Waiters {
    name: &'static str,
    role: Role,
    drained: u32,
    cancelled: u32,
}

impl Waiters {
    fn boxed<C: Contender>(drained: u32, cancelled: u32) -> Box<dyn Subject> {
        Box::new(Self {
            name: C::NAME,
            role: C::ROLE,
            drained,
            cancelled,
        })
    }
}

impl Subject for Waiters {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn role(&self) -> Role {
        self.role
    }

    fn measure(&mut self) -> Result<Vec<f64>> {
        let drain = cost_in_child(self.name, Ending::Drain, self.drained)?;
        let cancel = cost_in_child(self.name, Ending::Cancel, self.cancelled)?;
        Ok(vec![drain.nanoseconds, cancel.nanoseconds, drain.bytes])
    }
}

/// Measures in a process of its own, whose memory nobody has used.
pub(super) fn cost_in_child(contender: &str, ending: Ending, count: u32) -> Result<Cost> {
    let ending = match ending {
        Ending::Drain => "drain",
        Ending::Cancel => "cancel",
    };
    let answer = child::answer(&["waiters", contender, ending, &count.to_string()])?;
    Ok(serde_json::from_str(&answer)?)
}

/// Measures in this process.
///
/// # Errors
///
/// When the contender is unknown, or opened a second connection.
pub fn cost(contender: &str, ending: Ending, count: u32) -> Result<Cost> {
    match contender {
        Semaphore::NAME => cost_of::<Semaphore>(ending, count),
        Deadpool::NAME => cost_of::<Deadpool>(ending, count),
        Bb8::NAME => cost_of::<Bb8>(ending, count),
        HyperUtil::NAME => cost_of::<HyperUtil>(ending, count),
        Keepalive::NAME => cost_of::<Keepalive>(ending, count),
        _ => bail!("nobody here is called {contender}"),
    }
}

fn cost_of<C: Queue>(ending: Ending, count: u32) -> Result<Cost> {
    let setup = Setup::new(1, 1);
    let opener = setup.opener.clone();
    // One worker, so that the figure contains no contention for locks.
    let runtime = runtime::with_workers(1);
    let cost = runtime::on_worker(&runtime, wait::<C>(setup, ending, count))?;
    ensure!(
        opener.opened() == 1,
        "{} connections were opened",
        opener.opened()
    );
    Ok(cost)
}

/// The state that all tasks share: one pointer for each of them.
struct Scene<C: Contender> {
    contender: C,
    key: C::Key,
    count: u32,
    waiting: AtomicU32,
    over: AtomicU32,
    all_over: Notify,
}

async fn wait<C: Queue>(setup: Setup, ending: Ending, count: u32) -> Result<Cost> {
    let contender = C::open(&setup);
    let scene = Arc::new(Scene {
        key: contender.key(0),
        contender,
        count,
        waiting: AtomicU32::new(0),
        over: AtomicU32::new(0),
        all_over: Notify::new(),
    });
    let (release, holder) = hold(&scene).await?;
    let mut tasks: Vec<Option<AbortHandle>> = (0..count).map(|_| None).collect();

    let before = clock::resident_bytes()?;
    for place in &mut tasks {
        let task = tokio::spawn(waiter(Arc::clone(&scene)));
        *place = (ending == Ending::Cancel).then(|| task.abort_handle());
    }
    while scene.waiting.load(Ordering::Relaxed) < count {
        yield_now().await;
    }
    let bytes = clock::resident_bytes()?.saturating_sub(before);
    Rng::with_seed(1).shuffle(&mut tasks);

    let start = clock::processor_time();
    let mut release = Some(release);
    match ending {
        Ending::Drain => drop(release.take()),
        Ending::Cancel => tasks.into_iter().flatten().for_each(|task| task.abort()),
    }
    scene.all_over.notified().await;
    let taken = clock::processor_time().saturating_sub(start);

    drop(release);
    holder.await?;
    Ok(Cost {
        nanoseconds: taken.as_nanos() as f64 / f64::from(count),
        bytes: bytes as f64 / f64::from(count),
    })
}

/// Takes the only connection, until the sender that this answers is dropped.
async fn hold<C: Contender>(
    scene: &Arc<Scene<C>>,
) -> Result<(oneshot::Sender<()>, tokio::task::JoinHandle<()>)> {
    let (release, released) = oneshot::channel();
    let (has_it, got_it) = oneshot::channel();
    let scene = Arc::clone(scene);
    let holder = tokio::spawn(async move {
        let hold = async move {
            let _ = has_it.send(());
            let _ = released.await;
        };
        scene.contender.cycle(&scene.key, hold).await;
    });
    got_it.await?;
    Ok((release, holder))
}

/// The task of a waiter: one pointer, and the pool's own future.
fn waiter<C: Queue>(scene: Arc<Scene<C>>) -> impl Future<Output = ()> + Send {
    let over = Over(scene);
    async move {
        over.0.waiting.fetch_add(1, Ordering::Relaxed);
        over.0.contender.touch(&over.0.key).await;
    }
}

/// Counts a waiter as done when it has been served, or dropped.
struct Over<C: Contender>(Arc<Scene<C>>);

impl<C: Contender> Drop for Over<C> {
    fn drop(&mut self) {
        if self.0.over.fetch_add(1, Ordering::Relaxed) + 1 == self.0.count {
            self.0.all_over.notify_one();
        }
    }
}
