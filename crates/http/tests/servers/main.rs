//! The client against servers that many run, before a server of the test's own that echoes, or with
//! a script that does: whatever they do with connections, each request gets its own answer, and as
//! many connections are open as are allowed, by the server's log.
//!
//! A server that is not there is skipped, unless `KEEPALIVE_REQUIRE_` and its name is 1 in the
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
