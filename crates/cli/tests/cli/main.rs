//! Runs the `keepalive` binary against small servers of the tests' own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod a_probe_shows_the_way;
mod a_probe_that_fails_shows_how_far_it_came;
mod a_race_is_drawn;
mod bad_certificate_files_are_named;
mod client_certificates_are_shown;
mod demo;
mod exit_codes;
mod https_trusts_the_roots_given;
mod input;
mod interrupt;
mod jsonl;
mod network;
mod openssl_is_probed;
mod output;
mod program;
mod server;
mod timeout;
mod tls_server;
