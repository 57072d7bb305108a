//! Connectors, as in `hyper_util::client::legacy::connect`.
//!
//! This module re-exports hyper-util's own traits, types and connectors. It replaces two items that
//! only hyper-util's client can use: [`Connect`], which is sealed there, and
//! [`capture_connection`], which marks a request.

mod capture;
mod service;
mod shelf;
mod spans;
mod streams;
mod transport;
mod upgraded;

pub use capture::{CaptureConnection, Metadata, capture_connection};
pub use hyper_util::client::legacy::connect::{
    Connected, Connection, HttpConnector, HttpInfo, dns, proxy,
};
pub use service::{Connect, ServiceConnector};
pub use transport::Transport;
pub use upgraded::{Parts, Permit, downcast};

pub(crate) use capture::Capture;
pub(crate) use shelf::Shelf;
pub(crate) use spans::Spans;
pub(crate) use streams::Streams;
pub(crate) use transport::Info;
