//! Runs the `keepalive` binary against small servers. It needs signals, links and a terminal.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backlog;
mod bodies;
mod compressed;
mod cookies;
mod demo;
mod descriptors;
mod exit_codes;
mod exit_delay;
mod heads;
mod host_limits;
mod http_version;
mod input;
mod interrupt;
mod jsonl;
mod messages;
mod network;
mod network_flags;
mod output;
mod overwriting;
mod probe;
mod probe_failure;
mod probe_openssl;
mod probe_race;
mod probe_tls_flags;
mod program;
mod rate;
mod redirects;
mod request;
mod request_flags;
mod resend;
mod retry;
mod server;
mod site;
mod summary;
mod terminal;
mod timeout;
mod tls;
mod tls_files;
