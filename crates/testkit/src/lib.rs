//! Simulations, models and faulty peers that prove `keepalive`. Not published.
//!
//! See `docs/reliability.md`.

#![allow(missing_docs, missing_debug_implementations)] // names and tests say it; nobody else reads this crate

pub mod books;
pub mod coverage;
pub mod dice;
pub mod explore;
#[cfg(feature = "fuzz")]
pub mod fuzz;
#[cfg(feature = "net")]
pub mod http_server;
pub mod model;
#[cfg(feature = "net")]
pub mod net;
#[cfg(any(feature = "fuzz", feature = "load"))]
pub mod pipe;
pub mod replay;
#[cfg(feature = "simulated")]
pub mod simulated;
pub mod swarm;
#[cfg(feature = "net")]
pub mod tls;
pub mod world;
