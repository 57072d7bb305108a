//! Flags of TLS are an error in a probe without TLS.

use crate::program::cli;
use crate::server::Server;
use crate::tls_files::{Authority, Files};

#[test]
fn a_tls_flag_is_refused_in_a_probe_of_a_plain_scheme() {
    let (root, files) = (Authority::root("the root"), Files::new());
    let me = root.issue_as("me", &["me.test"]);
    let pem = files.write("me.pem", me.pem.clone() + &me.key_pem());
    let server = Server::start();
    let port = server.port();
    for (scheme, flags, flag) in [
        ("http", "--alpn h2", "--alpn"),
        ("redis", "-k", "--insecure"),
        ("tcp", &format!("--cacert {pem}"), "--cacert"),
        ("ws", &format!("--cert {pem}"), "--cert"),
    ] {
        let run = cli!("probe {scheme}://127.0.0.1:{port} {flags}").exits(2);
        run.complains(format!(
            "{flag} is for TLS, and {scheme} is probed without it"
        ));
        assert_eq!(run.stdout, "", "{scheme} {flags}: {run:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_plain_scheme_is_probed_without_tls_flags() {
    let server = Server::start();
    cli!("probe http://127.0.0.1:{}", server.port()).exits(0);
}
