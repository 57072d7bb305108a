//! Real sockets: servers that tag their responses, a faulty proxy, and counts of resources.
//!
//! Most of it needs Linux, which reports the resources of a process.

pub mod again;
#[cfg(target_os = "linux")]
pub mod census;
#[cfg(target_os = "linux")]
pub mod chaos;
pub mod combinations;
#[cfg(target_os = "linux")]
pub mod crowd;
pub mod echo;
mod exchange;
pub mod faults;
pub mod gauge;
#[cfg(all(feature = "load", target_os = "linux"))]
pub mod load;
#[cfg(target_os = "linux")]
pub mod namespace;
pub mod nginx;
pub mod program;
pub mod proxies;
#[cfg(target_os = "linux")]
mod pump;
#[cfg(target_os = "linux")]
mod stream;
pub mod toxic;
