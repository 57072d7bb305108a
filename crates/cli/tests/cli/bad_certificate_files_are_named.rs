//! A file that is of no use to TLS is named, and what to do is said, before anything is fetched.

use crate::program::keepalive;
use crate::server::Server;
use crate::tls_server::{Authority, Files};

const ENCRYPTED: &str =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";

#[test]
fn with_what_to_do() {
    let (root, files) = (Authority::root("the root"), Files::new());
    let me = root.issue("me", &["me.test"]);
    let good = files.write("good.pem", me.pem());
    let good_key = files.write("good.key", me.key_pem());
    let empty = files.write("empty.pem", "");
    let der = files.write("root.der", root.der());
    let other_key = files.write("other.key", root.issue("other", &[]).key_pem());
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
            let run = keepalive(&format!("{command} {url} {flags}"));
            assert_eq!(run.code, Some(2), "{command} {flags}: {run:?}");
            assert!(run.stderr.contains(named), "{command} {flags}: {run:?}");
            assert!(run.stderr.contains(said), "{command} {flags}: {run:?}");
            assert_eq!(run.stdout, "", "{command} {flags}: {run:?}");
        }
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_key_needs_its_certificate() {
    let run = keepalive("fetch https://127.0.0.1:1/ --key some.key");
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("--cert"), "{run:?}");
}
