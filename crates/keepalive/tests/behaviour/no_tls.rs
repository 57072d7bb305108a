//! R2, E2: without the feature `tls`, a scheme that means TLS is an error, and never clear text.

use keepalive::{ErrorKind, Manager, Request};

use crate::support::{Server, error, run};

#[test]
fn https_and_wss_say_that_tls_is_not_built_in() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        for scheme in ["https", "wss", "HTTPS"] {
            let request = Request::new(scheme, "127.0.0.1", server.port()).unwrap();
            let refused = error(manager.allocate(request).await);
            assert_eq!(refused.kind(), ErrorKind::Connect);
            assert_eq!(refused.function(), "tls");
            assert!(refused.to_string().contains("TLS"), "{refused}");
            assert!(!refused.is_retryable(), "{refused}");
        }
    });
}
