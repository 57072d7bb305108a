//! The whole manager under shuttle's schedules: one scenario a file.
//!
//! ```sh
//! RUSTFLAGS="--cfg keepalive_shuttle" cargo test --release -p keepalive --test schedules
//! ```
//!
//! `KEEPALIVE_SCHEDULES` is the number of schedules that each scenario runs with each of two
//! schedulers, and `KEEPALIVE_SEED` is their seed. A failure prints its schedule, which
//! `KEEPALIVE_SCHEDULE` runs again.
#![cfg(keepalive_shuttle)]

mod support;

mod a_capacity_changes_as_leases_come_and_go;
mod a_deadline_passes_as_connections_are_freed;
mod a_peer_closes_what_is_handed_out;
mod a_request_is_dropped_as_it_is_answered;
mod a_runtime_goes_as_requests_come;
mod an_attempt_fails_as_its_owner_goes;
mod answers_are_cancelled_as_they_are_posted;
mod closing_takes_time;
mod hosts_of_two_shards_share_one_slot;
mod one_slot_serves_many;
mod shutdown_comes_as_requests_do;
mod the_last_handle_goes_as_requests_wait;
