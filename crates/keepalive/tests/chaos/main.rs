//! The manager against peers with every kind of fault, over real sockets: see
//! `keepalive_testkit::net::load`.

#![cfg(target_os = "linux")]

use keepalive_testkit::net::load::{RawCaller, trials};

#[test]
fn whatever_the_peers_do_answers_are_right_and_nothing_is_left() {
    trials::run::<RawCaller>("keepalive", "chaos");
}
