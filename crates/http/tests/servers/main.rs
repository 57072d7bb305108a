//! The client against widely used servers, each in front of an echoing server of the test or with
//! an echoing script. However they close connections, each request gets its own answer, and the
//! server's log shows no more open connections than allowed.
//!
//! A server that is not installed is skipped, unless `KEEPALIVE_REQUIRE_` and its name is 1 in the
//! environment.
#![cfg(all(unix, feature = "tls"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "how much was run")]

mod apache;
mod backend;
mod front;
mod haproxy;
mod log;
mod nginx;
mod node;
mod proxies;
mod traffic;
