//! The behaviour of a manager over real sockets, by topic.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in what they share

mod support;

mod cancel;
mod connectors;
mod descriptors;
mod dns;
mod errors;
mod hand_out;
mod hosts;
mod idle_watch;
mod lanes;
mod limits;
mod mailbox;
mod multiplex;
#[cfg(not(feature = "tls"))]
mod no_tls;
mod panics;
mod path_events;
#[cfg(feature = "proxy")]
mod proxy;
mod queue;
mod race;
mod requests;
mod reuse;
mod runtime;
mod settings;
mod shutdown;
mod socket_options;
mod stats;
mod timeouts;
#[cfg(feature = "tls")]
mod tls;
mod unix;
