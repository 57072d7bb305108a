//! R3, E1: a host may be a name; a name that does not exist is an error of `resolve`.

use crate::support::{Server, echo, error, run};
use keepalive::{ErrorKind, Manager, Request};

#[test]
fn localhost_is_resolved_and_connected_to() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        let request = server.request_at("localhost");
        let mut lease = manager.allocate(request).await.unwrap();
        echo(&mut lease, "by name").await;
        assert_eq!(lease.host().address().to_string(), "localhost");
    });
}

#[test]
fn a_name_that_does_not_exist_is_an_error_of_resolve() {
    run(async || {
        let manager = Manager::new();
        let request = Request::new("test", "does-not-exist.invalid", 80).unwrap();
        let unknown = error(manager.allocate(request).await);
        assert_eq!(unknown.kind(), ErrorKind::Connect, "{unknown}");
        assert_eq!(unknown.function(), "resolve", "{unknown}");
        assert!(!unknown.error_str().is_empty());
        let text = unknown.to_string();
        assert!(text.contains("does-not-exist.invalid"), "{text}");
        assert_eq!(manager.totals().failed, 1);
    });
}
