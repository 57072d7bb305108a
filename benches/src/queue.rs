//! A crowd that waits for the only connection, and how its waiting ends.

use std::sync::Arc;

use keepalive::{Lease, Manager, Request};
use tokio::runtime::Runtime;
use tokio::task::{JoinHandle, yield_now};

use crate::Payload;

/// Tasks that wait for a connection in use.
#[derive(Debug)]
pub struct Queue {
    runtime: Runtime,
    scene: Arc<Scene>,
}

#[derive(Debug)]
struct Scene {
    manager: Manager<Payload>,
    request: Request,
}

impl Queue {
    /// Nobody waits yet.
    ///
    /// # Panics
    ///
    /// If no runtime can be made.
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let manager = Manager::builder()
            .connector(Payload)
            .max_per_host(1)
            .build()
            .expect("the settings can work");
        let request = Request::new("bench", "127.0.0.1", 1).expect("a request");
        let scene = Arc::new(Scene { manager, request });
        Self { runtime, scene }
    }

    /// So many tasks come to wait, and each has the connection in its turn.
    ///
    /// # Panics
    ///
    /// If a request fails.
    pub fn drain(&self, tasks: u64) {
        self.runtime.block_on(async {
            let (lease, tasks) = self.fill(tasks).await;
            lease.free();
            for task in tasks {
                task.await.expect("nothing panics");
            }
        });
    }

    /// So many tasks come to wait, and are aborted in an order without a pattern.
    ///
    /// # Panics
    ///
    /// If a request fails.
    pub fn cancel(&self, tasks: u64) {
        self.runtime.block_on(async {
            let (lease, tasks) = self.fill(tasks).await;
            let mut next = 0;
            for _ in 0..tasks.len() {
                next = (next + 7919) % tasks.len();
                tasks[next].abort();
            }
            for task in tasks {
                assert!(task.await.is_err(), "it was aborted");
            }
            lease.free();
        });
    }

    async fn fill(&self, tasks: u64) -> (Lease<Payload>, Vec<JoinHandle<()>>) {
        let Scene { manager, request } = &*self.scene;
        let lease = manager.lease(request).await.expect("nothing can fail");
        let wait = async |scene: Arc<Scene>| {
            let lease = scene.manager.lease(&scene.request).await;
            lease.expect("nothing can fail").free();
        };
        let tasks: Vec<_> = (0..tasks)
            .map(|_| tokio::spawn(wait(Arc::clone(&self.scene))))
            .collect();
        while manager.totals().waiting < tasks.len() {
            yield_now().await;
        }
        (lease, tasks)
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self::new()
    }
}
