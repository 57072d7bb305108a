//! The client with hyper-util's interface: the behaviour that hyper-util's own tests check, and the
//! behaviour that its users rely on. By topic.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(
    dead_code,
    reason = "it is that of our own client's tests, and more than is needed here"
)]
#[path = "../behaviour/http2/crowd.rs"]
mod crowd;
#[allow(dead_code, reason = "the same")]
#[path = "../behaviour/http2/frames.rs"]
mod frames;
mod support;

mod comparison;
mod connect;
mod errors;
mod http2;
mod reuse;
mod settings;
mod upgrades;
mod watching;
