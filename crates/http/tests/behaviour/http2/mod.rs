//! HTTP/2, with a server whose every frame the test sets.

pub(crate) mod crowd;
mod limited;
mod server;
pub(crate) use self::server::{DATA, Server, client};
#[cfg(feature = "tls")]
mod tls;

mod a_body_that_nobody_reads_holds_up_no_other;
mod a_connection_carries_as_many_exchanges_as_the_server_allows;
mod a_goaway_retires_the_connection_and_fails_nobody;
mod a_host_that_shares_is_opened_one_connection_at_a_time;
mod a_late_exchange_resets_its_stream_alone;
#[cfg(feature = "tls")]
mod a_look_at_a_connection_takes_no_answer_away;
mod a_lost_connection_is_an_error_or_another_try;
mod a_request_that_a_goaway_passes_over_is_sent_again;
mod a_request_that_is_dropped_resets_its_stream_alone;
mod a_request_that_waits_for_a_stream_is_never_lost;
#[cfg(feature = "tls")]
mod a_server_may_want_http_1_1;
mod a_server_of_another_version_is_an_error_that_says_so;
mod a_server_that_ends_every_connection_is_not_asked_for_ever;
mod a_server_that_vanishes_is_noticed_by_pings;
mod a_silent_peer_is_asked_once;
mod a_stream_error_on_a_living_connection_is_final;
mod a_stream_that_is_refused_is_sent_again;
mod an_early_answer_counts;
mod pings_may_be_as_rare_as_one_likes;
mod requests_that_are_given_up_cost_no_other_anything;
mod the_last_word_is_a_goaway;
mod the_peers_limit_is_kept_however_it_changes;
mod the_url_becomes_the_fields_of_the_request;
#[cfg(feature = "tls")]
mod tls_decides_which_version_is_spoken;
