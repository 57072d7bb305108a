//! `--cert` and `--key` say who we are to servers that ask.

use crate::program::keepalive;
use crate::tls_server::{Authority, Files, TlsServer};

#[test]
fn to_a_server_that_asks_for_one() {
    let (root, files) = (Authority::root("the root"), Files::new());
    let cacert = files.write("root.pem", root.pem());
    let me = root.issue("me", &["me.test"]);
    let cert = files.write("me.pem", me.pem());
    let key = files.write("me.key", me.key_pem());
    let both = files.write("both.pem", me.pem() + &me.key_pem());
    let identity = root.issue("the server", &["127.0.0.1"]);
    let server = TlsServer::start_for(&identity, Some(&root));
    for (flags, code) in [
        (String::new(), 1),
        (format!("--cert {cert} --key {key}"), 0),
        (format!("--cert {both}"), 0),
    ] {
        let port = server.port;
        let run = keepalive(&format!(
            "fetch https://127.0.0.1:{port}/ --cacert {cacert} {flags}"
        ));
        assert_eq!(run.code, Some(code), "{flags}: {run:?}");
    }
}
