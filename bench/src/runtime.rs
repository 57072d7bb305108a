//! The executor, the same for all contenders.

use std::future::Future;

use anyhow::Result;
use rustix::thread::{CpuSet, sched_setaffinity};
use tokio::runtime::{Builder, Runtime};

/// Tokio's multi-threaded scheduler with that many workers. Each subject has its own, so that tasks
/// left by one do not run within another's.
pub fn with_workers(workers: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .expect("a runtime can be built")
}

/// One with a single worker, which runs on that core alone, where there is such a core.
pub fn on_core(core: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .on_thread_start(move || pin(core))
        .enable_all()
        .build()
        .expect("a runtime can be built")
}

fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    // A machine of one core has no other.
    let _ = sched_setaffinity(None, &cores);
}

/// Runs `future` on a worker, not on the thread that waits for it.
pub fn on_worker<T: Send + 'static>(
    runtime: &Runtime,
    future: impl Future<Output = T> + Send + 'static,
) -> T {
    let task = runtime.spawn(future);
    runtime
        .block_on(task)
        .expect("a task that is measured does not fail")
}

/// Runs tasks that each have something of their own, and have it back when all are done.
///
/// # Errors
///
/// The first error of a task.
pub fn all<O, F>(runtime: &Runtime, owns: &mut Vec<O>, task: impl FnMut(O) -> F) -> Result<()>
where
    O: Send + 'static,
    F: Future<Output = Result<O>> + Send + 'static,
{
    let tasks = owns.drain(..).map(task);
    let tasks: Vec<_> = tasks.map(|task| runtime.spawn(task)).collect();
    runtime.block_on(async {
        for task in tasks {
            owns.push(task.await??);
        }
        Ok(())
    })
}
