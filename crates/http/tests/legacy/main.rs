//! The client with hyper-util's interface: the behaviour that hyper-util's own tests check, and the
//! behaviour that its users rely on. One behaviour a file, each named by a sentence.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../behaviour/http2/crowd.rs"]
mod crowd;
#[allow(
    dead_code,
    reason = "it is that of our own client's tests, and more than is needed here"
)]
#[path = "../behaviour/http2/frames.rs"]
mod frames;
mod support;

mod a_body_dropped_before_its_end_closes_its_connection;
mod a_connection_is_used_again;
mod a_connection_may_be_captured;
mod a_connection_may_change_its_protocol;
mod a_connector_runs_within_the_span_of_who_asks;
mod a_dropped_request_closes_its_connection;
mod a_poisoned_connection_is_not_used_again;
mod a_proxy_is_asked_with_the_whole_url;
mod a_request_says_whether_it_may_be_done_twice;
mod a_storm_of_requests_opens_no_storm_of_connections;
mod a_stream_holds_its_place_until_it_has_ended;
mod a_stream_may_become_a_tunnel;
mod a_stream_that_is_no_socket_is_watched;
mod an_attempt_goes_on_without_its_request;
mod any_url_is_for_its_connector;
mod errors_lead_to_their_cause;
mod extras_are_in_the_response;
mod http2_is_spoken_where_it_is_said_to_be;
mod idle_connections_go_with_the_client_or_the_server;
mod limits_hold_whatever_is_asked;
mod nothing_happens_before_the_future_is_polled;
mod requests_are_sent_as_hyper_util_sends_them;
mod settings_do_as_they_say;
mod so_many_idle_connections_are_kept;
