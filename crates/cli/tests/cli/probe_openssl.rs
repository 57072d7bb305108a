//! Probes `openssl s_server`, a TLS stack other than ours.
//!
//! Skipped without openssl, unless `KEEPALIVE_REQUIRE_OPENSSL=1` is set.

use std::process::{Command, Stdio};

use keepalive_testkit::net::program::{Program, find};
use serde_json::Value;

use crate::program::cli;
use crate::tls_files::{Authority, Files};

/// A server with its port. Dropping it ends the server.
fn start(files: &Files, authority: &Authority, flags: &str) -> Option<(Program, u16)> {
    let identity = authority.issue_as("the server", &["127.0.0.1"]);
    let mut command = Command::new(find("openssl")?);
    command
        .args(["s_server", "-accept", "127.0.0.1:0", "-alpn", "imap"])
        .args(["-cert", &files.write("server.pem", &identity.pem)])
        .args(["-key", &files.write("server.key", identity.key_pem())])
        // With its standard input closed, the server would end.
        .arg("-rev")
        .args(flags.split_whitespace())
        .stderr(Stdio::null());
    let (server, address) = Program::saying(&mut command, "ACCEPT ");
    let (_, port) = address.rsplit_once(':').unwrap();
    Some((server, port.parse().unwrap()))
}

#[test]
fn a_probe_of_openssl_shows_the_version_and_protocol_that_it_was_given() {
    let (root, files) = (Authority::root("the root"), Files::new());
    let cacert = files.write("root.pem", root.pem());
    for (flags, version, suite) in [
        (
            "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256",
            "TLS 1.2",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ),
        (
            "-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256",
            "TLS 1.3",
            "TLS13_CHACHA20_POLY1305_SHA256",
        ),
    ] {
        let Some((_server, port)) = start(&files, &root, flags) else {
            return;
        };
        let run =
            cli!("probe imaps://127.0.0.1:{port} --cacert {cacert} --alpn imap --json").exits(0);
        let found: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(found["tls"]["version"], version);
        assert_eq!(found["tls"]["cipher_suite"], suite);
        assert_eq!(found["tls"]["alpn"], "imap");
        assert_eq!(found["tls"]["certificates"][0]["issuer"], "CN=the root");
    }
}
