//! What keeps a driver: as many counts of its holders as it has shards.

use crate::connect::Connector;
use crate::driver::Driver;
use crate::sync::Arc;

/// Holds a driver for the leases and requests of one shard.
///
/// Each of them counts when it comes and when it goes. Were it one count for all, threads that use
/// different shards would meet there twice a lease.
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
