//! A probe that fails shows its steps, and exits with 1.

use std::process::Stdio;

use serde_json::Value;

use crate::program::{cli, command, ended, keepalive};
use crate::server::{Server, refusing_url, silent};
use crate::site::Site;
use crate::tls_files::{Authority, Files, config};

fn found(line: &str) -> Value {
    let run = cli!("{line} --json").exits(1);
    assert!(run.stderr.starts_with("keepalive: "), "{run:?}");
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(found["connected"], false, "{found}");
    found
}

#[test]
fn a_probe_of_a_name_without_an_address_fails_at_the_lookup() {
    let found = found("probe tcp://v4.test:9 --resolve v4.test:192.0.2.1 -6");
    assert_eq!(found["error"]["function"], "resolve");
    assert_eq!(found["lookups"][0]["outcome"], "failed");
    let text = "the name has no IPv6 address";
    assert_eq!(found["lookups"][0]["error"]["error_str"], text);
    assert_eq!(found["attempts"], Value::Array(Vec::new()));
}

#[test]
fn a_probe_of_a_closed_port_shows_each_refused_attempt() {
    let url = refusing_url();
    let found = found(&format!("probe {url}"));
    assert_eq!(found["error"]["function"], "connect");
    assert_eq!(found["attempts"][0]["outcome"], "failed");
    let run = cli!("probe {url}").exits(1);
    let line = run.stdout.lines().find(|line| line.starts_with("connect "));
    assert!(line.unwrap().ends_with("Connection refused"), "{run:?}");
    run.complains("Connection refused");
    assert!(!run.stdout.contains("\n\n\n"), "one gap is enough: {run:?}");
}

#[test]
fn a_probe_shows_an_attempt_to_an_address_of_another_family_than_bind() {
    let found = found("probe tcp://v6.test:9 --resolve v6.test:::1 --bind 127.0.0.1");
    assert_eq!(found["error"]["function"], "bind");
    assert_eq!(found["attempts"][0]["address"], "[::1]:9");
    assert_eq!(found["attempts"][0]["error"]["function"], "bind");
}

#[test]
fn a_probe_shows_a_tls_handshake_that_timed_out() {
    let (_server, port) = silent();
    let line = format!("probe tls://127.0.0.1:{port} -k --timeout 300ms");
    let found = found(&line);
    assert_eq!(found["error"]["function"], "tls");
    assert_eq!(found["attempts"][0]["outcome"], "connected");
    assert!(found["timing"]["tls_us"].as_u64().unwrap() > 0, "{found}");
    let run = keepalive(&line);
    let line = run.stdout.lines().find(|line| line.starts_with("tls "));
    assert!(line.unwrap().ends_with("Connection timed out"), "{run:?}");
}

#[test]
fn a_probe_shows_an_expired_certificate() {
    let (root, files) = (Authority::root("the root"), Files::new());
    let identity = root.issue_with("the server", &["127.0.0.1"], |params| {
        params.not_before = rcgen::date_time_ymd(2014, 1, 1);
        params.not_after = rcgen::date_time_ymd(2015, 2, 3);
    });
    let server = Site::start_with(config(&identity, None));
    let cacert = files.write("root.pem", root.pem());
    let url = format!("https://127.0.0.1:{}", server.port);
    let found = found(&format!("probe {url} --cacert {cacert}"));
    assert_eq!(found["error"]["function"], "tls");
    let text = found["error"]["error_str"].as_str().unwrap();
    assert!(text.contains("has expired"), "{text}");

    let run = cli!("probe {url} -k").exits(0);
    let line = run.stdout.lines().find(|line| line.contains("expired"));
    assert!(line.unwrap().contains("2015-02-03T00:00:00Z ("), "{run:?}");
    assert!(line.unwrap().ends_with(" days ago)"), "{run:?}");
}

#[test]
fn an_invalid_target_of_a_probe_exits_with_2_and_shows_no_password() {
    let server = Server::start();
    let url = server.url("/");
    for (line, said) in [
        ("probe".to_owned(), "TARGET"),
        ("probe 127.0.0.1:80".to_owned(), "scheme"),
        ("probe tcp://127.0.0.1".to_owned(), "port"),
        ("probe redis://:secret@127.0.0.1:1".to_owned(), "password"),
        (format!("probe {url} --timeout 0"), "timeout"),
        (
            format!("probe {url} --proxy ftp://secret@x"),
            "scheme of a proxy",
        ),
        ("probe https://127.0.0.1 -k --alpn ,".to_owned(), "ALPN"),
        (format!("probe {url} {url}"), "unexpected"),
    ] {
        let run = keepalive(&line).exits(2);
        run.complains(said);
        assert!(!run.stderr.contains("secret"), "{line}: {run:?}");
        assert_eq!(run.stdout, "", "{line}: {run:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_probe_into_a_closed_pipe_exits_with_1_and_says_so() {
    let server = Server::start();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = command(&format!("probe {}", server.url("/")))
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let run = ended("probe", child.wait_with_output().unwrap()).exits(1);
    run.complains("standard output");
}
