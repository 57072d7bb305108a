//! Connectors, as `hyper_util::client::legacy::connect` has them.
//!
//! hyper-util's own traits, types and connectors are here by their names, and two of ours in place
//! of two of its own that nobody else can use: [`Connect`], which is sealed there, and
//! [`capture_connection`], whose mark on a request only its client can read.

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
pub use upgraded::{Parts, Slot, downcast};

pub(crate) use capture::Capture;
pub(crate) use shelf::Shelf;
pub(crate) use spans::Spans;
pub(crate) use streams::Streams;
pub(crate) use transport::Info;
