//! The key log is for debugging: a file of its owner alone, in the format that tools read.

use std::os::unix::fs::PermissionsExt;

use crate::support::tls::server;
use crate::support::{echo, run};
use keepalive::{Manager, Tls};

#[test]
fn each_session_adds_its_keys() {
    run(async || {
        let (root, server) = server();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let tls = Tls::builder().roots_pem(root.pem()).key_log(&path);
        let manager = Manager::builder()
            .tls(tls.build().unwrap())
            .build()
            .unwrap();
        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "hello").await;

        let log = std::fs::read_to_string(&path).unwrap();
        for line in log.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(words.len(), 3, "{line}");
            assert_eq!(words[1].len(), 64, "{line}");
        }
        assert!(log.contains("CLIENT_TRAFFIC_SECRET_0 "), "{log}");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    });
}
