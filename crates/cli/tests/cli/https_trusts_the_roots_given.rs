//! `--cacert` replaces the platform's roots, and `--insecure` does without any.

use crate::program::{Ended, keepalive};
use crate::tls_server::{Authority, Files, TlsServer};

/// A server, the file of its root, and that of another.
fn set_up() -> (TlsServer, Files, String, String) {
    let (root, other) = (Authority::root("the root"), Authority::root("another"));
    let files = Files::new();
    let ours = files.write("root.pem", root.pem());
    let others = files.write("other.pem", other.pem());
    let server = TlsServer::start(&root.issue("the server", &["127.0.0.1"]));
    (server, files, ours, others)
}

fn fetch(server: &TlsServer, flags: &str) -> Ended {
    let port = server.port;
    keepalive(&format!("fetch https://127.0.0.1:{port}/a {flags}"))
}

#[test]
fn a_server_that_the_root_vouches_for_is_fetched_from() {
    let (server, _files, ours, others) = set_up();
    let run = fetch(&server, &format!("--cacert {ours}"));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.stdout, "hello", "{run:?}");
    let run = fetch(&server, &format!("--cacert {others} --cacert {ours}"));
    assert_eq!(run.code, Some(0), "{run:?}");
}

#[test]
fn a_file_may_hold_several_roots() {
    let (server, files, ours, others) = set_up();
    let texts = [others, ours].map(|path| std::fs::read_to_string(path).unwrap());
    let bundle = files.write("bundle.pem", texts.concat());
    let run = fetch(&server, &format!("--cacert {bundle}"));
    assert_eq!(run.code, Some(0), "{run:?}");
}

#[test]
fn no_other_server_is() {
    let (server, _files, _ours, others) = set_up();
    let run = fetch(&server, &format!("--cacert {others}"));
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("the root"), "{run:?}");
    assert!(
        run.stderr.contains("not among the trusted roots"),
        "{run:?}"
    );
}

#[test]
fn insecure_accepts_any() {
    let (server, _files, _ours, others) = set_up();
    for flags in ["-k", "--insecure", &format!("-k --cacert {others}")] {
        let run = fetch(&server, flags);
        assert_eq!(run.code, Some(0), "{flags}: {run:?}");
    }
}
