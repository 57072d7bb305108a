//! Tasks that shuttle's scheduler runs.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use shuttle::future::{AbortHandle, JoinHandle, yield_now};

/// A runtime that runs its tasks until it is shut down.
#[derive(Debug, Default)]
pub struct Runtime(Handle);

impl Runtime {
    /// A runtime without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of tasks that have not ended.
    pub fn tasks(&self) -> usize {
        self.0.0.running.load(Ordering::Relaxed)
    }

    /// Stops all tasks, and accepts no more.
    pub fn shut_down(&self) {
        self.0.0.ended.store(true, Ordering::Relaxed);
        let tasks = std::mem::take(&mut *self.0.tasks());
        tasks.iter().for_each(AbortHandle::abort);
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.0
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Handle(Arc<Shared>);

/// Schedules are not explored here: these locks are the system's, not the driver's.
#[derive(Debug, Default)]
struct Shared {
    ended: AtomicBool,
    running: AtomicUsize,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Handle {
    /// Its own among the live ones.
    pub(crate) fn number(&self) -> u64 {
        Arc::as_ptr(&self.0) as u64
    }

    pub(crate) fn spawn<F>(&self, future: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let running = Running::new(Arc::clone(&self.0));
        let task = shuttle::future::spawn(async move {
            let _running = running;
            future.await;
        });
        if self.0.ended.load(Ordering::Relaxed) {
            task.abort();
        } else {
            self.tasks().push(task.abort_handle());
        }
        task
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, Vec<AbortHandle>> {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task that has not ended.
struct Running(Arc<Shared>);

impl Running {
    fn new(shared: Arc<Shared>) -> Self {
        shared.running.fetch_add(1, Ordering::Relaxed);
        Self(shared)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}
