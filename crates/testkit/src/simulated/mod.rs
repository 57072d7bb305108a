//! A network in memory, on tokio's stopped clock: hosts, latencies, faults and peers.
//!
//! Its books count each connection from the call of `connect` to its drop. So the network knows
//! independently of the manager which connections are open, held, or unusable.

pub mod aftermath;
mod books;
pub mod panics;
mod shared;
mod weather;
mod wire;

use std::future::poll_fn;
use std::sync::{Arc, MutexGuard};
use std::task::Poll;
use std::time::Duration;

use keepalive::{Attempt, ConnectError, Connector, Manager, Phase, Request};
use tokio::time::sleep;

pub use books::{Books, Limits, TICK};
pub use shared::{Shared, Tasks};
pub use weather::{Delay, Operation, Verdict, Weather};
pub use wire::Wire;

use panics::panic_as_planned;
use wire::Presence;

/// A handle on the network, and the connector of the manager under test.
#[derive(Clone)]
pub struct Network(Arc<Inner>);

struct Inner {
    books: Shared<Books>,
    weather: Shared<Box<dyn Weather>>,
}

impl Network {
    /// A network with these hosts.
    pub fn new(hosts: Vec<Request>, limits: Limits, weather: impl Weather) -> Self {
        Self(Arc::new(Inner {
            books: Shared::new(Books::new(hosts, limits)),
            weather: Shared::new(Box::new(weather)),
        }))
    }

    /// The network's books. The caller must not hold them across a call of the manager.
    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.0.books.lock()
    }

    /// Changes the weather from now on.
    pub fn change_weather(&self, weather: impl Weather) {
        let before = std::mem::replace(&mut *self.weather(), Box::new(weather));
        drop(before);
    }

    /// The peer closes a connection. Without `word`, the watcher learns of it only later.
    pub fn peer_closes(&self, number: usize, word: bool) {
        self.books().break_line(number, word);
        if word {
            self.wake_watcher(number);
        }
    }

    /// All peers close, and the watchers learn of it.
    pub fn all_close(&self) {
        let numbers = self.books().numbers();
        for number in numbers {
            self.peer_closes(number, true);
        }
    }

    /// The peer takes no new exchange on a connection, and finishes those under way.
    pub fn peer_says_goodbye(&self, number: usize) {
        self.books().say_goodbye(number);
        self.wake_watcher(number);
    }

    /// All connections carry so many leases from now on.
    pub fn all_carry(&self, leases: usize) {
        let numbers = self.books().numbers();
        for number in numbers {
            self.books().set_capacity(number, leases);
            self.wake_watcher(number);
        }
    }

    /// Wakes the watcher of a connection.
    pub fn wake_watcher(&self, number: usize) {
        let watcher = self.books().watcher(number);
        if let Some(watcher) = watcher {
            watcher.wake();
        }
    }

    /// The outcome of an operation on the host or connection of this number.
    fn verdict(&self, operation: Operation, number: usize) -> Verdict {
        let verdict = self.weather().verdict(operation, number);
        self.books().judged(operation, verdict, number);
        verdict
    }

    fn delay(&self, operation: Operation, number: usize) -> Delay {
        self.weather().delay(operation, number)
    }

    fn weather(&self) -> MutexGuard<'_, Box<dyn Weather>> {
        self.0.weather.lock()
    }

    /// One stage of an attempt.
    async fn stage(&self, operation: Operation, host: usize) -> Result<(), ConnectError> {
        let delay = self.delay(operation, host);
        turns(delay.turns).await;
        if delay.millis > 0 {
            sleep(Duration::from_millis(delay.millis)).await;
        }
        match self.verdict(operation, host) {
            Verdict::Fine => Ok(()),
            Verdict::Fails => {
                let number = self.weather().error_number();
                let error = std::io::Error::from_raw_os_error(number);
                Err(ConnectError::new(operation.function(), error))
            }
            Verdict::Panics => panic_as_planned(),
            Verdict::Hangs => std::future::pending().await,
        }
    }
}

impl Connector for Network {
    type Connection = Wire;

    async fn connect(&self, attempt: &Attempt) -> Result<Wire, ConnectError> {
        let presence = Presence::enter(self, attempt.host());
        let host = presence.host();
        attempt.enter(Phase::Resolve);
        self.stage(Operation::Resolve, host).await?;
        attempt.enter(Phase::Connect);
        self.stage(Operation::Connect, host).await?;
        attempt.enter(Phase::Tls);
        self.stage(Operation::Handshake, host).await?;
        let capacity = self.weather().capacity();
        Ok(Wire::open(presence, capacity))
    }
}

/// A connector that opens nothing, for a manager that only makes ids.
struct Nowhere;

impl Connector for Nowhere {
    type Connection = Wire;

    async fn connect(&self, _: &Attempt) -> Result<Wire, ConnectError> {
        std::future::pending().await
    }
}

/// Is pending `turns` times, and wakes itself each time.
pub async fn turns(turns: usize) {
    let mut left = turns;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Requests for `count` hosts, the first `partitioned` of which differ by their partition alone.
///
/// The manager spreads hosts by a hash that is another in each process. Labels are tried until
/// host n is in shard n, so that a seed means the same in every process.
pub fn hosts(count: usize, partitioned: usize) -> Vec<Request> {
    let probe = Manager::builder().connector(Nowhere).build();
    let probe = probe.expect("the defaults can work");
    let shard = |request: &Request| usize::from(probe.allocate(request.clone()).id().shard().0);
    (0..count)
        .map(|number| {
            let port = if number < partitioned { 1 } else { 1 + number };
            let request = Request::new("wire", "127.0.0.1", port).expect("a request");
            (0..)
                .map(|label: usize| request.clone().partition(format!("{number}-{label}")))
                .find(|request| shard(request) == number)
                .expect("some label leads there")
        })
        .collect()
}
