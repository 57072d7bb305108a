//! State that the tasks of a run share, and that outlives their panics.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::task::JoinHandle;

#[derive(Default)]
pub struct Shared<T>(Mutex<T>);

impl<T> Shared<T> {
    pub fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tasks that a run waits for.
pub type Tasks = Shared<Vec<JoinHandle<()>>>;

impl Tasks {
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(task);
        self.lock().push(task);
    }

    pub async fn join(&self) {
        loop {
            let Some(task) = self.lock().pop() else {
                return;
            };
            // Its panics are noted where they happen.
            let _ = task.await;
        }
    }
}
