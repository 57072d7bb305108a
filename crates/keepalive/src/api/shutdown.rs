//! The future that waits for the end of a manager.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::api::stats;
use crate::connect::Connector;
use crate::connect::net::NetConnector;
use crate::driver::Driver;
use crate::runtime::{has_timers, timeout};
use crate::sync::Arc;

/// Completes when every connection of a manager has closed, after
/// [`Manager::shutdown`](crate::Manager::shutdown).
///
/// The output is the number of connections that were still leased, or held for answers not taken
/// yet. It is zero unless [`within`](Self::within) set a time.
///
/// # Cancel safety
///
/// Dropping it changes nothing: the shutdown goes on.
pub struct Shutdown<C: Connector = NetConnector> {
    driver: Arc<Driver<C>>,
    within: Option<Duration>,
    waiting: Option<Pin<Box<dyn Future<Output = usize> + Send>>>,
}

impl<C: Connector> Shutdown<C> {
    pub(crate) fn new(driver: Arc<Driver<C>>) -> Self {
        Self {
            driver,
            within: None,
            waiting: None,
        }
    }

    /// Waits for at most `time`, counted from the first poll. Default: until the last lease is
    /// back. Outside a tokio runtime with timers it does not wait.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }
}

impl<C: Connector> Future for Shutdown<C> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<usize> {
        let Self {
            driver,
            within,
            waiting,
        } = &mut *self;
        waiting
            .get_or_insert_with(|| Box::pin(wait(Arc::clone(driver), *within)))
            .as_mut()
            .poll(context)
    }
}

async fn wait<C: Connector>(driver: Arc<Driver<C>>, within: Option<Duration>) -> usize {
    match within {
        None => driver.wait_until_closed().await,
        Some(_) if !has_timers() => {}
        Some(time) => {
            // The result counts the leases that are out, whether or not the time has passed.
            let _ = timeout(time, driver.wait_until_closed()).await;
        }
    }
    stats::totals(&driver).leased
}

impl<C: Connector> fmt::Debug for Shutdown<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown")
            .field("open", &self.driver.common.open())
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}
