//! The measured requests: one that finds an idle connection, one that waits for it, and an exchange
//! of HTTP/1.1.
//!
//! The rows are those of the comparison with other pools in `bench/`; here they are run on one
//! thread, to judge a change quickly. `cargo bench -p keepalive-benches` takes the time,
//! `cargo xtask instructions` counts instructions, which repeat exactly.

mod crowd;
mod exchange;
mod payload;
mod queue;

use std::hint::black_box;

use keepalive::{Manager, Request};
use tokio::runtime::Runtime;

pub use crowd::Crowd;
pub use exchange::{Answers, BareExchanges, Exchanges, Peer};
pub use payload::{Bytes, Payload};
pub use queue::Queue;

/// A manager with idle connections, and the requests for them.
#[derive(Debug)]
pub struct Warm {
    runtime: Runtime,
    manager: Manager<Payload>,
    requests: Vec<Request>,
    next: usize,
}

impl Warm {
    /// One idle connection to each of `hosts` hosts.
    ///
    /// # Panics
    ///
    /// If the first connections can not be opened.
    pub fn new(hosts: u16) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let manager = Manager::builder()
            .connector(Payload)
            .max_open(usize::from(hosts) * 2)
            .build()
            .expect("the settings can work");
        let requests: Vec<_> = (1..=hosts)
            .map(|port| Request::new("bench", "127.0.0.1", port).expect("a request"))
            .collect();
        runtime.block_on(async {
            for request in &requests {
                let lease = manager.allocate(request.clone()).await;
                lease.expect("nothing can fail").free();
            }
        });
        Self {
            runtime,
            manager,
            requests,
            next: 0,
        }
    }

    /// Takes a connection and gives it back, `times` over, from hosts in an order that has no
    /// pattern.
    ///
    /// # Panics
    ///
    /// If a request fails.
    pub fn cycle(&mut self, times: u64) {
        let Self {
            runtime,
            manager,
            requests,
            next,
        } = self;
        runtime.block_on(async {
            for _ in 0..times {
                // A full cycle through all hosts: the step is prime to any number of them here.
                *next = (*next + 7919) % requests.len();
                let lease = manager.lease(&requests[*next]).await;
                let lease = lease.expect("nothing can fail");
                black_box(lease.0);
                lease.free();
            }
        });
    }
}
