//! TLS, over real sockets, with rustls on the other side.

mod a_bad_certificate_is_an_error_that_says_which;
mod a_close_is_announced;
mod a_connection_is_leased_after_its_handshake;
mod a_cut_is_an_error_to_the_reader;
mod a_handshake_that_stalls_times_out;
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
