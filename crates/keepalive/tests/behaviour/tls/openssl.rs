//! A second TLS stack: OpenSSL's `s_server`, which answers each line with the line reversed.

use std::fs;
use std::process::{Command, Stdio};

use keepalive::{FromCache, Manager, Request, Tls};
use keepalive_testkit::net::program::{Program, find};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::tls::{Authority, trust};
use crate::support::{ask, build, error, run};

/// Runs `s_server` with a certificate of `root`, and calls `test` with a request to it.
async fn with_server(root: &Authority, arguments: &[&str], test: impl AsyncFnOnce(Request)) {
    let Some(openssl) = find("openssl") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("room");
        path
    };
    let identity = root.issue(&["127.0.0.1"]);
    let (_server, address) = Program::saying(
        Command::new(openssl)
            .args(["s_server", "-accept", "127.0.0.1:0", "-rev"])
            .arg("-cert")
            .arg(write("cert.pem", identity.pem.clone()))
            .arg("-key")
            .arg(write("key.pem", identity.key_pem()))
            .arg("-CAfile")
            .arg(write("root.pem", root.pem()))
            .args(arguments)
            .stderr(Stdio::null()),
        "ACCEPT ",
    );
    let (_, port) = address.rsplit_once(':').expect("a port");
    let port: u16 = port.parse().expect("a number");
    test(Request::new("https", "127.0.0.1", port).expect("a request")).await;
}

#[test]
fn openssl_speaks_reuses_and_resumes_each_tls_version() {
    run(async || {
        for (argument, version) in [("-tls1_3", "TLS 1.3"), ("-tls1_2", "TLS 1.2")] {
            let root = Authority::root("test root");
            with_server(&root, &[argument], async |request| {
                let manager = build(|it| it.tls(trust(&root)));
                let mut lease = manager.allocate(request.clone()).await.unwrap();
                assert_eq!(lease.tls().unwrap().version(), version);
                assert_eq!(ask(&mut lease, "hello").await, "olleh");
                lease.free();
                let mut lease = manager.allocate(request.clone()).await.unwrap();
                assert_eq!(lease.from_cache(), Some(FromCache::Immediate));
                assert_eq!(ask(&mut lease, "again").await, "niaga");
                lease.close();

                let mut lease = manager.allocate(request).await.unwrap();
                assert!(lease.tls().unwrap().is_resumed(), "{version}");
                assert_eq!(ask(&mut lease, "resumed").await, "demuser");
            })
            .await;
        }
    });
}

#[test]
fn tickets_of_openssl_keep_an_idle_connection() {
    run(async || {
        let root = Authority::root("test root");
        let arguments = ["-tls1_3", "-num_tickets", "8"];
        with_server(&root, &arguments, async |request| {
            let manager = build(|it| it.tls(trust(&root)));
            for round in 0..20 {
                let mut lease = manager.allocate(request.clone()).await.unwrap();
                assert_eq!(lease.from_cache().is_some(), round > 0);
                if round > 10 {
                    assert_eq!(ask(&mut lease, "hello").await, "olleh");
                }
                lease.free();
            }
        })
        .await;
    });
}

#[test]
fn openssl_verifies_client_certificates() {
    run(async || {
        for version in ["-tls1_3", "-tls1_2"] {
            let root = Authority::root("test root");
            let arguments = [version, "-Verify", "2", "-verify_return_error"];
            with_server(&root, &arguments, async |request| {
                let manager = Manager::new();
                let me = root.issue(&["me.test"]);
                let tls = Tls::builder()
                    .roots_pem(root.pem())
                    .client_certificate_pem(me.pem.clone(), me.key_pem());
                let known = request.clone().tls(tls.build().unwrap());
                let mut lease = manager.allocate(known).await.unwrap();
                assert_eq!(ask(&mut lease, "hello").await, "olleh");
                lease.close();

                let unknown = request.tls(trust(&root));
                let refused = match manager.allocate(unknown).await {
                    Ok(mut lease) => {
                        let _ = lease.write_all(b"hello\n").await;
                        lease.read_u8().await.unwrap_err().to_string()
                    }
                    refused => error(refused).to_string(),
                };
                assert!(refused.contains("wants a client certificate"), "{refused}");
            })
            .await;
        }
    });
}
