//! The whole manager under shuttle's schedules.
//!
//! ```sh
//! RUSTFLAGS="--cfg keepalive_shuttle" cargo test --release -p keepalive --test schedules
//! ```
//!
//! `KEEPALIVE_SCHEDULES` is the number of schedules that each scenario runs with each of two
//! schedulers, and `KEEPALIVE_SEED` is their seed. A failure prints its schedule, which
//! `KEEPALIVE_SCHEDULE` runs again.
#![cfg(keepalive_shuttle)]

mod connections;
mod ends;
mod lanes;
mod support;
