//! Tasks that a loom model runs explicitly.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Wake, Waker};

use crate::sync::{Arc, AtomicBool, Mutex, Ordering};

/// A runtime that runs its tasks on request.
#[derive(Default)]
pub struct Runtime(Handle);

impl Runtime {
    /// A runtime without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs all tasks that can make progress, until none can.
    pub fn run(&self) {
        loop {
            let tasks = self.0.tasks.lock().clone();
            let mut woken = tasks.iter().filter(|task| task.take_wake()).peekable();
            if woken.peek().is_none() {
                return;
            }
            woken.for_each(Task::poll);
        }
    }

    /// Ends all tasks, the youngest first, and accepts no more.
    pub fn shut_down(&self) {
        let tasks = self.0.tasks.lock();
        self.0.ended.store(true, Ordering::Release);
        let ended = tasks.clone();
        drop(tasks);
        for task in ended.into_iter().rev() {
            AbortHandle(Arc::clone(&task)).abort();
            task.poll();
        }
    }

    /// The number of tasks that have not ended.
    pub fn tasks(&self) -> usize {
        let tasks = self.0.tasks.lock();
        let left = tasks.iter().filter(|task| task.future.lock().is_some());
        left.count()
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.0
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}

#[derive(Clone, Default)]
pub(crate) struct Handle {
    tasks: Arc<Mutex<Vec<Arc<Task>>>>,
    ended: Arc<AtomicBool>,
}

impl Handle {
    /// Its own among the live ones.
    pub(crate) fn number(&self) -> u64 {
        &raw const *self.ended as u64
    }

    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> JoinHandle {
        let task = Arc::new(Task {
            future: Mutex::new(Some(Box::pin(future))),
            woken: AtomicBool::new(true),
            aborted: AtomicBool::new(false),
        });
        // As with tokio, a task spawned after the shutdown never runs.
        let mut tasks = self.tasks.lock();
        if self.ended.load(Ordering::Acquire) {
            drop(tasks);
            let unwanted = task.future.lock().take();
            drop(unwanted);
        } else {
            tasks.push(Arc::clone(&task));
        }
        JoinHandle(task)
    }
}

pub(crate) struct JoinHandle(Arc<Task>);

impl JoinHandle {
    pub(crate) fn abort_handle(&self) -> AbortHandle {
        AbortHandle(Arc::clone(&self.0))
    }
}

pub(crate) struct AbortHandle(Arc<Task>);

impl AbortHandle {
    /// Makes the task end when it would run next.
    pub(crate) fn abort(&self) {
        self.0.aborted.store(true, Ordering::Release);
        self.0.wake_by_ref();
    }
}

struct Task {
    /// `Some` until the task has ended, except while it runs.
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    woken: AtomicBool,
    aborted: AtomicBool,
}

impl Task {
    fn take_wake(&self) -> bool {
        self.woken.load(Ordering::Relaxed) && self.woken.swap(false, Ordering::AcqRel)
    }

    fn poll(self: &Arc<Self>) {
        let Some(mut future) = self.future.lock().take() else {
            return;
        };
        let waker = Waker::from(Arc::clone(self));
        let ended = self.aborted.load(Ordering::Acquire)
            || future
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_ready();
        if !ended {
            *self.future.lock() = Some(future);
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
    }
}

/// Lets the other tasks run first.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
