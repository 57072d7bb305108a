//! R2: a unix socket is requested by its path, and is cached like any other connection.

#![cfg(unix)]

use std::io::ErrorKind::NotFound;
use std::path::PathBuf;

use keepalive::{FromCache, Manager, Request};
use tokio::io::{AsyncWriteExt, copy, split};
use tokio::net::UnixListener;

use crate::support::{assert_system_error, echo, error, run};

/// A path that is removed when the test ends.
struct Path(PathBuf);

impl Path {
    fn new(name: &str) -> Self {
        let name = format!("keepalive-{name}-{}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_file(&path);
        Self(path)
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_unix_socket_is_opened_and_then_reused() {
    run(async || {
        let path = Path::new("echo");
        let listener = UnixListener::bind(&path.0).unwrap();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let (mut from, mut to) = split(stream);
            copy(&mut from, &mut to).await.unwrap();
            to.shutdown().await.unwrap();
        });

        let manager = Manager::new();
        for from_cache in [None, Some(FromCache::Immediate)] {
            let request = Request::unix(&path.0).unwrap();
            let mut lease = manager.allocate(request).await.unwrap();
            assert_eq!(lease.from_cache(), from_cache);
            echo(&mut lease, "by path").await;
            lease.free();
        }
        manager.shutdown().await;
        server.await.unwrap();
    });
}

#[test]
fn a_unix_path_without_a_socket_is_an_error_of_connect() {
    run(async || {
        let path = Path::new("missing");
        let request = Request::unix(&path.0).unwrap();
        let missing = error(Manager::new().allocate(request).await);
        assert_system_error(&missing, "connect", NotFound);
    });
}
