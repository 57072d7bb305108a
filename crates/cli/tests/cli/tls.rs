//! The flags of TLS: `--cacert`, `--insecure`, `--cert` and `--key`.

use crate::program::{Ended, cli, keepalive};
use crate::server::Server;
use crate::site::Site;
use crate::tls_files::{Authority, Files, config};

const ENCRYPTED: &str =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";

/// A server, the file of its root, and the file of another root.
fn set_up() -> (Site, Files, String, String) {
    let (root, other) = (Authority::root("the root"), Authority::root("another"));
    let files = Files::new();
    let ours = files.write("root.pem", root.pem());
    let others = files.write("other.pem", other.pem());
    let server = Site::start_with(config(&root.issue_as("the server", &["127.0.0.1"]), None));
    (server, files, ours, others)
}

fn fetch(server: &Site, flags: &str) -> Ended {
    let port = server.port;
    cli!("fetch https://127.0.0.1:{port}/a {flags}")
}

#[test]
fn cacert_trusts_the_servers_of_its_root() {
    let (server, _files, ours, others) = set_up();
    let run = fetch(&server, &format!("--cacert {ours}")).exits(0);
    assert_eq!(run.stdout, "hello", "{run:?}");
    fetch(&server, &format!("--cacert {others} --cacert {ours}")).exits(0);
}

#[test]
fn cacert_takes_a_file_of_several_roots() {
    let (server, files, ours, others) = set_up();
    let texts = [others, ours].map(|path| std::fs::read_to_string(path).unwrap());
    let bundle = files.write("bundle.pem", texts.concat());
    fetch(&server, &format!("--cacert {bundle}")).exits(0);
}

#[test]
fn cacert_refuses_the_servers_of_other_roots() {
    let (server, _files, _ours, others) = set_up();
    let run = fetch(&server, &format!("--cacert {others}")).exits(1);
    run.complains("the root");
    run.complains("not among the trusted roots");
}

#[test]
fn insecure_accepts_any_certificate() {
    let (server, _files, _ours, others) = set_up();
    for flags in ["-k", "--insecure", &format!("-k --cacert {others}")] {
        fetch(&server, flags).exits(0);
    }
}

#[test]
fn cert_is_sent_to_a_server_that_asks_for_a_certificate() {
    let (root, files) = (Authority::root("the root"), Files::new());
    let cacert = files.write("root.pem", root.pem());
    let me = root.issue_as("me", &["me.test"]);
    let cert = files.write("me.pem", &me.pem);
    let key = files.write("me.key", me.key_pem());
    let both = files.write("both.pem", me.pem.clone() + &me.key_pem());
    let identity = root.issue_as("the server", &["127.0.0.1"]);
    let server = Site::start_with(config(&identity, Some(&root)));
    for (flags, code) in [
        (String::new(), 1),
        (format!("--cert {cert} --key {key}"), 0),
        (format!("--cert {both}"), 0),
    ] {
        let port = server.port;
        cli!("fetch https://127.0.0.1:{port}/ --cacert {cacert} {flags}").exits(code);
    }
}

#[test]
fn an_unusable_certificate_file_is_named_with_advice() {
    let (root, files) = (Authority::root("the root"), Files::new());
    let me = root.issue_as("me", &["me.test"]);
    let good = files.write("good.pem", &me.pem);
    let good_key = files.write("good.key", me.key_pem());
    let empty = files.write("empty.pem", "");
    let der = files.write("root.der", root.certificate());
    let other_key = files.write("other.key", root.issue_as("other", &[]).key_pem());
    let encrypted = files.write("encrypted.key", ENCRYPTED);
    let missing = "/nowhere/at/all.pem".to_owned();
    let server = Server::start();
    for (flags, named, said) in [
        (format!("--cacert {missing}"), &missing, "No such file"),
        (format!("--cacert {empty}"), &empty, "it is empty"),
        (
            format!("--cacert {good_key}"),
            &good_key,
            "BEGIN CERTIFICATE",
        ),
        (format!("--cacert {der}"), &der, "-inform der"),
        (format!("--cert {missing}"), &missing, "No such file"),
        (
            format!("--cert {good} --key {missing}"),
            &missing,
            "No such file",
        ),
        (format!("--cert {good}"), &good, "--key FILE"),
        (format!("--cert {good_key}"), &good_key, "BEGIN CERTIFICATE"),
        (
            format!("--cert {good} --key {other_key}"),
            &other_key,
            "not the key",
        ),
        (
            format!("--cert {good} --key {encrypted}"),
            &encrypted,
            "decrypt it with",
        ),
    ] {
        for command in ["fetch", "probe"] {
            let url = server.url("/a").replace("http:", "https:");
            let run = cli!("{command} {url} {flags}").exits(2);
            run.complains(named);
            run.complains(said);
            assert_eq!(run.stdout, "", "{command} {flags}: {run:?}");
        }
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn key_without_cert_is_refused() {
    let run = keepalive("fetch https://127.0.0.1:1/ --key some.key").exits(2);
    run.complains("--cert");
}
