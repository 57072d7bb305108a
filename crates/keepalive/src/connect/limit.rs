//! A time limit for opening a connection.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::time::timeout;

use crate::connect::platform::errno;
use crate::connect::{Attempt, ConnectError, Phase, Steps};
use crate::sync::{Arc, Mutex};

/// Opens a connection by `connect` within `limit`.
///
/// An attempt that exceeds it fails with `ETIMEDOUT` and the function of its current phase.
pub(crate) async fn within<T, F>(
    limit: Duration,
    attempt: &Attempt,
    connect: impl FnOnce(Attempt) -> F,
) -> Result<T, ConnectError>
where
    F: Future<Output = Result<T, ConnectError>>,
{
    let last = Arc::new(LastPhase {
        steps: Arc::clone(&attempt.steps),
        last: Mutex::new(Phase::Resolve),
    });
    let noted = Attempt {
        host: attempt.host.clone(),
        bind_addresses: attempt.bind_addresses,
        protocols: attempt.protocols,
        steps: Arc::clone(&last) as _,
    };
    match timeout(limit, connect(noted)).await {
        Ok(result) => result,
        Err(_) => {
            let error = io::Error::from_raw_os_error(errno::ETIMEDOUT);
            let detail = format!("{}: it was not open within {limit:?}", attempt.host);
            Err(ConnectError::new(last.function(), error).detail(detail))
        }
    }
}

/// Records the current phase of an attempt.
struct LastPhase {
    steps: Arc<dyn Steps>,
    last: Mutex<Phase>,
}

impl LastPhase {
    fn function(&self) -> &'static str {
        match *self.last.lock() {
            Phase::Resolve => "resolve",
            Phase::Proxy => "proxy",
            Phase::Tls => "tls",
            _ => "connect",
        }
    }
}

impl Steps for LastPhase {
    fn enter(&self, phase: Phase) {
        *self.last.lock() = phase;
        self.steps.enter(phase);
    }
}
