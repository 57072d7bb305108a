//! The limits that a run is under, and the manager that keeps them.

use std::net::IpAddr;
use std::time::Duration;

use keepalive::{ConfigError, Manager, Net};
use keepalive_http::Http;

/// The manager of a run.
pub(crate) type HttpManager = Manager<Http<Net>>;

/// What the manager of a run is told.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) max_per_host: usize,
    pub(crate) max_open: usize,
    pub(crate) keep_alive: Duration,
    pub(crate) timeout: Duration,
    pub(crate) bind: Vec<IpAddr>,
}

impl Limits {
    /// Builds the manager, whose connections `net` opens.
    ///
    /// # Errors
    ///
    /// One of the limits can not work; the error names it.
    pub(crate) fn manager(&self, net: Net) -> Result<HttpManager, ConfigError> {
        let mut builder = Manager::builder()
            .max_per_host(self.max_per_host)
            .max_open(self.max_open)
            .keep_alive(self.keep_alive)
            .timeout(self.timeout);
        for &address in &self.bind {
            builder = builder.bind_address(address);
        }
        builder.connector(Http::over(net)).build()
    }
}
