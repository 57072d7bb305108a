//! The public interface: handles, requests and their answers, settings, errors and figures.

pub(crate) mod address;
pub mod authority;
pub(crate) mod builder;
pub(crate) mod error;
pub(crate) mod host;
pub(crate) mod lease;
pub(crate) mod mailbox;
pub(crate) mod manager;
pub(crate) mod request;
pub(crate) mod shutdown;
pub(crate) mod stats;
