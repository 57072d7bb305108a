//! The executor, the same for all contenders.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};

/// Tokio's scheduler of many threads, with that many workers; one of its own for each subject, so
/// that what one leaves running does not run within another's.
pub fn with_workers(workers: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .expect("a runtime can be built")
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
