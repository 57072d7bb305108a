//! TLS, over real sockets, with rustls on the other side.

mod a_bad_certificate_is_an_error_that_says_which;
mod a_close_is_announced;
mod a_close_that_stalls_holds_no_slot;
mod a_connection_is_leased_after_its_handshake;
mod a_cut_is_an_error_to_the_reader;
mod a_handshake_longer_than_requests_wait_is_not_in_vain;
mod a_handshake_that_stalls_times_out;
mod a_handshake_that_waits_holds_up_no_other;
#[cfg(feature = "proxy")]
mod a_proxy_may_be_reached_by_tls;
mod a_server_may_change_its_certificate;
mod addresses_are_verified_and_not_sent;
mod alpn_is_negotiated;
mod an_idle_connection_survives_tickets;
mod any_certificate_is_accepted_only_by_those_who_dare;
mod bad_settings_are_named;
mod client_certificates_are_shown;
mod keys_are_logged_only_where_asked;
mod nginx_is_understood;
mod nothing_secret_is_printed;
mod openssl_is_understood;
mod plain_text_is_no_tls;
mod schemes_may_be_encrypted;
mod sessions_are_resumed;
mod settings_keep_connections_apart;
mod stray_data_discards_an_idle_connection;
