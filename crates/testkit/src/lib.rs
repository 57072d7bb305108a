//! Simulations, models and faulty peers that prove `keepalive`. Not published.
//!
//! | Module | Harness | Subject | Run by |
//! |---|---|---|---|
//! | [`explore`] | every order of inputs in small worlds | engine | `crates/engine/tests/explore.rs` |
//! | [`model`] | a second manager, slow and obvious, beside the first | engine | `crates/engine/tests/model.rs`, `cancel.rs` |
//! | [`swarm`] | random lives with random settings | engine | `crates/engine/tests/simulation.rs`, `cargo xtask sim` |
//! | `simulated` | a network in memory, on a stopped clock | driver | `simulation` and `torture` in `crates/keepalive/tests` |
//! | `net` | servers, and proxies that fail on purpose | driver and HTTP, over sockets | `chaos` and `behaviour` of each crate, `cargo xtask soak` |
//! | `fuzz` | the bodies of the fuzz targets | parsers, engine, HTTP | `fuzz/`, `tests/corpus.rs` |
//!
//! [`explore`] and [`swarm`], and the scenarios in `crates/engine/tests/rules`, act on a [`world`]:
//! engines without IO. Its [`ledger`] records the connections apart from the engines, and judges
//! each action. [`lives`] follows an engine's events, and holds them beside its figures.
//!
//! Fixtures: `http_server`, `tls` (certificates), `pipe` (a connection in memory), `wait`, [`dice`]
//! (random choices from a seed), [`replay`] and [`coverage`]. `docs/reliability.md` has the figures.

#![allow(missing_docs, missing_debug_implementations)] // names and tests say it; nobody else reads this crate

pub mod coverage;
pub mod dice;
pub mod explore;
#[cfg(feature = "fuzz")]
pub mod fuzz;
#[cfg(feature = "net")]
pub mod http_server;
pub mod ledger;
pub mod lives;
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
#[cfg(feature = "net")]
pub mod wait;
pub mod world;
