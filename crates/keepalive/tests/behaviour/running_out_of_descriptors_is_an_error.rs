//! B1: without a descriptor there is no connection, and that is an answer: no hang, no lost slot.

#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::time::Duration;

use crate::support::{Server, echo, error, run};
use keepalive::{ErrorKind, Manager, Request};

/// Where the server of the parent listens; set in the child, which may have few descriptors.
const PORT: &str = "KEEPALIVE_TEST_PORT";
/// The number of the system's error, on all systems that there are tests for.
const EMFILE: i32 = 24;

#[test]
fn an_attempt_without_a_descriptor_fails_at_once_and_others_go_on() {
    match std::env::var(PORT) {
        Ok(port) => run_out(port.parse().unwrap()),
        Err(_) => {
            let server = Server::start();
            // The limit is of a process, and this one has other tests.
            let child = Command::new("sh")
                .args(["-c", r#"ulimit -n 60; exec "$0" "$@""#])
                .arg(std::env::current_exe().unwrap())
                .args(["--exact", "--test-threads=1"])
                .arg(std::thread::current().name().unwrap())
                .env(PORT, server.port().to_string())
                .output();
            let output = child.unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(
                output.status.success() && text.contains("1 passed"),
                "{text}"
            );
        }
    }
}

fn run_out(port: u16) {
    run(async || {
        let request = || Request::new("test", "127.0.0.1", port).unwrap();
        let manager = Manager::builder().max_per_host(100).build().unwrap();
        let mut leases = Vec::new();
        let failed = loop {
            match manager.allocate(request()).await {
                Ok(lease) => leases.push(lease),
                Err(error) => break error,
            }
        };
        assert!(leases.len() > 20, "{failed}");
        assert_eq!(failed.kind(), ErrorKind::Connect);
        assert_eq!(failed.error_num(), Some(EMFILE));
        assert_eq!(failed.function(), "socket");
        assert!(failed.timing().total() < Duration::from_secs(1));
        assert_eq!(manager.totals().open, leases.len());

        let again = error(manager.allocate(request()).await);
        assert_eq!(again.function(), "socket");
        leases.pop().unwrap().free();
        let mut lease = manager.allocate(request()).await.unwrap();
        assert!(lease.from_cache().is_some());
        echo(&mut lease, "what is open is still good").await;
        drop((lease, leases));
        let mut lease = manager.allocate(request()).await.unwrap();
        assert_eq!(lease.from_cache(), None);
        echo(&mut lease, "there are descriptors again").await;
    });
}
