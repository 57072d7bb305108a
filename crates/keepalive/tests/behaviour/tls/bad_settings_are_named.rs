//! Settings that cannot work are an error that names the fault, and prints no value of them.

use crate::support::tls::Authority;
use keepalive::{Tls, TlsBuilder};

#[test]
fn each_says_what_is_wrong() {
    let root = Authority::root("test root");
    let (one, two) = (root.issue(&["one.test"]), root.issue(&["two.test"]));
    let damaged = one.pem.replace("-----END", "SECRET\n-----BEGIN");
    let tls = Tls::builder;
    let cases: [(TlsBuilder, &str); 8] = [
        (
            tls().roots_pem("SECRET"),
            "invalid root certificates: no certificate was found",
        ),
        (
            tls().roots_pem(damaged.clone()),
            "invalid root certificates: ",
        ),
        (
            tls().client_certificate_pem("SECRET", one.key_pem()),
            "invalid client certificate: no certificate was found",
        ),
        (
            tls().client_certificate_pem(one.pem.clone(), "SECRET"),
            "invalid key of the client certificate: no private key was found",
        ),
        (
            tls().client_certificate_pem(one.pem.clone(), two.key_pem()),
            "invalid key of the client certificate: it is not the key of the first certificate",
        ),
        (tls().alpn([""]), "invalid ALPN: "),
        (tls().alpn(["a".repeat(256)]), "invalid ALPN: "),
        (
            tls().key_log("/nowhere/to/be/found"),
            "invalid key log: /nowhere/to/be/found: ",
        ),
    ];
    for (builder, expected) in cases {
        // This case does not depend on the machine's own roots.
        let error = builder
            .roots_pem(root.pem())
            .build()
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains("SECRET"), "{error}");
    }
}
