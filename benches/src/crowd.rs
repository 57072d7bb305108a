//! More tasks than connections: every connection given back goes to a waiting task.

use std::hint::black_box;

use keepalive::{Manager, Request};
use tokio::runtime::Runtime;
use tokio::task::yield_now;

use crate::Payload;

/// Tasks that share a few connections to one host.
#[derive(Debug)]
pub struct Crowd {
    runtime: Runtime,
    manager: Manager<Payload>,
    request: Request,
    tasks: u64,
}

impl Crowd {
    /// `tasks` tasks on `connections` connections.
    ///
    /// # Panics
    ///
    /// If no runtime can be made.
    pub fn new(tasks: u64, connections: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let manager = Manager::builder()
            .connector(Payload)
            .max_per_host(connections)
            .build()
            .expect("the settings can work");
        let request = Request::new("bench", "127.0.0.1", 1).expect("a request");
        Self {
            runtime,
            manager,
            request,
            tasks,
        }
    }

    /// Each task takes a connection, lets the others run and gives it back; `times` over in all,
    /// or a few more.
    ///
    /// # Panics
    ///
    /// If a request fails.
    pub fn cycle(&mut self, times: u64) {
        let each = times.div_ceil(self.tasks);
        self.runtime.block_on(async {
            let tasks: Vec<_> = (0..self.tasks)
                .map(|_| {
                    let (manager, request) = (self.manager.clone(), self.request.clone());
                    tokio::spawn(async move {
                        for _ in 0..each {
                            let lease = manager.lease(&request).await;
                            let lease = lease.expect("nothing can fail");
                            black_box(lease.0);
                            yield_now().await;
                            lease.free();
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.expect("nothing panics");
            }
        });
    }
}
