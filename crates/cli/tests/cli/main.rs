//! Runs the `keepalive` binary against small servers of the tests' own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod a_probe_shows_the_way;
mod a_probe_that_fails_shows_how_far_it_came;
mod a_race_is_drawn;
mod a_slow_host_holds_up_no_other;
mod bad_certificate_files_are_named;
mod bodies_are_unpacked_when_asked;
mod bodies_go_where_they_are_wanted;
mod client_certificates_are_shown;
mod complaints_do_nothing_to_a_terminal;
mod demo;
mod exit_codes;
mod flags_that_undo_each_other_are_refused;
mod heads_are_shown_when_asked;
mod hosts_may_have_limits_of_their_own;
mod https_trusts_the_roots_given;
mod input;
mod interrupt;
mod jsonl;
mod network;
mod openssl_is_probed;
mod output;
mod program;
mod redirects_are_followed_when_asked;
mod retries_are_bounded;
mod server;
mod site;
mod the_end_is_not_held_up;
mod the_summary_tells_statuses_and_causes;
mod the_version_of_http_is_chosen_and_told;
mod timeout;
mod tls_flags_need_tls;
mod tls_server;
mod what_can_not_be_asked_is_refused;
mod what_is_asked_is_chosen;
mod what_is_read_is_not_written_over;
