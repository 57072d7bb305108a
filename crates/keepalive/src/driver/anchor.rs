//! Reference counts of a driver, one for each shard.

use crate::connect::Connector;
use crate::driver::Driver;
use crate::sync::Arc;

/// Holds a driver for the leases and requests of one shard.
///
/// Each lease and request changes the count twice. With a single count, threads that use different
/// shards would contend for it.
#[repr(align(128))]
pub(crate) struct Anchor<C: Connector> {
    pub(crate) driver: Arc<Driver<C>>,
}

impl<C: Connector> Anchor<C> {
    /// One for each shard of a driver.
    pub(crate) fn all(driver: &Arc<Driver<C>>) -> Box<[Arc<Self>]> {
        driver.ids().map(|_| Self::new(driver)).collect()
    }

    pub(crate) fn new(driver: &Arc<Driver<C>>) -> Arc<Self> {
        Arc::new(Self {
            driver: Arc::clone(driver),
        })
    }
}
