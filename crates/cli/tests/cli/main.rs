//! Runs the `keepalive` binary against small servers of the tests' own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod demo;
mod exit_codes;
mod input;
mod interrupt;
mod jsonl;
mod network;
mod output;
mod program;
mod server;
mod timeout;
