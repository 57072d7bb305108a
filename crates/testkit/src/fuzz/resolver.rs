//! Attempts with any outcome, under a whole manager (E3).
//!
//! The bytes script the connector: phases in any order, errors of any function and number, success,
//! delay, or no result at all.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use keepalive::{
    Attempt, ConnectError, Connection, Connector, ErrorKind, Host, Lease, Manager, Pending, Phase,
    Request, Unusable, errno,
};

use super::bytes::Bytes;

/// The first bytes are settings, every second of the others is for attempts, the rest for users.
pub fn resolver(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(use_manager(bytes));
}

const HOSTS: usize = 3;

async fn use_manager(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let (per_host, in_total) = (1 + bytes.below(3), 1 + bytes.below(4));
    let oracle = Oracle::default();
    let manager = Manager::builder()
        .max_per_host(per_host)
        .max_open(in_total)
        .timeout(Duration::from_millis(1) + bytes.millis())
        .keep_alive(bytes.millis())
        .keep_unneeded_attempts(bytes.below(2) == 1)
        .connector(oracle.clone())
        .build()
        .expect("sound settings");
    let mut user = User {
        manager,
        pending: VecDeque::new(),
        leases: Vec::new(),
    };
    for (index, &byte) in bytes.0.iter().enumerate() {
        if index % 2 == 0 {
            oracle.0.lock().expect("no panic").script.push_back(byte);
        } else {
            user.act(byte).await;
        }
        let open = oracle.open();
        assert!(open.values().all(|&open| open <= per_host), "L1 per host");
        assert!(open.values().sum::<usize>() <= in_total, "L1 in total");
    }
    user.end().await;
    assert_eq!(
        oracle.open().values().sum::<usize>(),
        0,
        "C7: nothing is left"
    );
}

struct User {
    manager: Manager<Oracle>,
    pending: VecDeque<Pending<Oracle>>,
    leases: Vec<Lease<Oracle>>,
}

impl User {
    async fn act(&mut self, byte: u8) {
        let number = usize::from(byte >> 3);
        match byte % 8 {
            0..=2 => {
                let host = format!("h{}.test", number % HOSTS);
                let request = Request::new("tcp", host, 7).expect("a request");
                self.pending.push_back(self.manager.allocate(request));
            }
            3 => {
                if let Some(pending) = self.pending.pop_front() {
                    // The deadline answers it at the latest.
                    check(pending.await, &mut self.leases);
                }
            }
            4 => drop(self.pending.pop_back()),
            5 => {
                if let Some(lease) = self.leases.pop() {
                    match number % 3 {
                        0 => drop(lease),
                        1 => lease.close(),
                        _ => lease.free(),
                    }
                }
            }
            6 => tokio::time::sleep(Duration::from_millis(number as u64)).await,
            _ => tokio::task::yield_now().await,
        }
        // A user that holds all connections would wait for itself until the deadline.
        if self.leases.len() > 2 {
            self.leases.remove(0).free();
        }
    }

    async fn end(mut self) {
        for pending in self.pending {
            check(pending.await, &mut self.leases);
        }
        for lease in self.leases {
            lease.free();
        }
        let hour = Duration::from_secs(3600);
        let shutdown = tokio::time::timeout(hour, self.manager.shutdown());
        shutdown.await.expect("I8: a shutdown ends");
    }
}

fn check(answer: Result<Lease<Oracle>, keepalive::AllocateError>, leases: &mut Vec<Lease<Oracle>>) {
    match answer {
        Ok(lease) => leases.push(lease),
        Err(error) => {
            let function = error.function();
            if error.kind() == ErrorKind::Timeout {
                let known = ["queue", "resolve", "connect", "tls", "proxy"];
                assert!(known.contains(&function), "T2: {error}");
                assert_eq!(error.error_num(), Some(errno::ETIMEDOUT), "T2: {error}");
            } else {
                assert!(FUNCTIONS.contains(&function), "{error}");
            }
            assert!(!error.to_string().is_empty() && !error.error_str().is_empty());
        }
    }
}

const FUNCTIONS: [&str; 5] = ["resolve", "bind", "connect", "proxy", "tls"];
const PHASES: [Phase; 4] = [Phase::Resolve, Phase::Connect, Phase::Proxy, Phase::Tls];

/// Ends attempts as its script orders, and counts open connections.
#[derive(Clone, Default)]
struct Oracle(Arc<Mutex<Said>>);

#[derive(Default)]
struct Said {
    script: VecDeque<u8>,
    open: HashMap<Host, usize>,
}

impl Oracle {
    fn open(&self) -> HashMap<Host, usize> {
        self.0.lock().expect("no panic").open.clone()
    }

    /// The next result; attempts succeed once the script has ended.
    fn next(&self) -> u8 {
        let next = self.0.lock().expect("no panic").script.pop_front();
        next.unwrap_or(0)
    }

    fn enter(&self, host: &Host) -> Told {
        let mut said = self.0.lock().expect("no panic");
        *said.open.entry(host.clone()).or_default() += 1;
        Told {
            oracle: self.clone(),
            host: host.clone(),
            fails: false,
        }
    }
}

impl Connector for Oracle {
    type Connection = Told;

    async fn connect(&self, attempt: &Attempt) -> Result<Told, ConnectError> {
        let mut told = self.enter(attempt.host());
        loop {
            let byte = self.next();
            let number = usize::from(byte >> 3);
            match byte % 8 {
                0 | 1 => break,
                2 => {
                    told.fails = true;
                    break;
                }
                3 => attempt.enter(PHASES[number % PHASES.len()]),
                4 => tokio::time::sleep(Duration::from_millis(number as u64 * 8)).await,
                5 => std::future::pending().await,
                6 => {
                    let error = io::Error::from_raw_os_error(i32::from(byte));
                    let function = FUNCTIONS[number % FUNCTIONS.len()];
                    return Err(ConnectError::new(function, error).detail(format!("{number}")));
                }
                _ => {
                    let function = FUNCTIONS[number % FUNCTIONS.len()];
                    return Err(ConnectError::new(function, "an answer of no use"));
                }
            }
        }
        Ok(told)
    }
}

/// An attempt or its connection: counted until it is dropped.
struct Told {
    oracle: Oracle,
    host: Host,
    /// Whether it is unusable at the first check.
    fails: bool,
}

impl Connection for Told {
    fn poll_unusable(&mut self, _: &mut Context<'_>) -> Poll<Unusable> {
        if self.fails {
            Poll::Ready(Unusable::UnexpectedData)
        } else {
            Poll::Pending
        }
    }

    fn check(&mut self) -> Result<(), Unusable> {
        if self.fails {
            Err(Unusable::Closed)
        } else {
            Ok(())
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let mut said = self.oracle.0.lock().expect("no panic");
        *said.open.get_mut(&self.host).expect("it was entered") -= 1;
    }
}
