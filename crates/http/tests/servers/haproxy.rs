//! HAProxy, which ends connections of HTTP/1.1 at random, by `connection: close`. Debian 12's knows no
//! reason to end one of HTTP/2.

use std::fs;
use std::process::Command;

use http::Version;

use crate::front::{ALL_WAYS, Closes, PER_CONNECTION, Place, check};

#[test]
fn haproxy_answers_every_request_by_either_version() {
    let closes = |_, version| (version == Version::HTTP_11).then_some(Closes::Announced);
    check("haproxy", ALL_WAYS, true, closes, |haproxy, place| {
        let pair = ["cert.pem", "key.pem"].map(|name| fs::read(place.file(name)).unwrap());
        fs::write(place.folder.join("pair.pem"), pair.concat()).unwrap();
        fs::write(place.folder.join("haproxy.conf"), configuration(place)).unwrap();
        // It writes its log to its output alone, or to a daemon.
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" -db -f \"$1\" > \"$2\""]);
        command.arg(haproxy);
        command.args([place.file("haproxy.conf"), place.file("access.log")]);
        command
    });
}

fn configuration(place: &Place) -> String {
    let Place { port, backend, .. } = place;
    let pair = place.file("pair.pem");
    let speaks = match (place.way.tls, place.way.version) {
        (true, Version::HTTP_2) => format!("ssl crt {pair} alpn h2"),
        (true, _) => format!("ssl crt {pair} alpn http/1.1"),
        (false, Version::HTTP_2) => "proto h2".to_owned(),
        (false, _) => String::new(),
    };
    format!(
        "global
    log stdout format raw local0
    nbthread 1
defaults
    mode http
    log global
    option dontlognull
    timeout connect 10s
    timeout client 60s
    timeout server 60s
    http-reuse always
frontend front
    bind 127.0.0.1:{port} {speaks}
    tcp-request session set-var(sess.number) uuid
    http-request set-var(txn.path) path
    log-format '%[var(sess.number)] %ST %[var(txn.path)]'
    error-log-format '- %ST -'
    http-after-response set-header connection close if {{ rand({PER_CONNECTION}) eq 0 }}
    default_backend back
backend back
    server back 127.0.0.1:{backend}
"
    )
}
