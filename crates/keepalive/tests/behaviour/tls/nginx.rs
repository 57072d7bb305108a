//! nginx as the server, without and with client certificates.

use std::fs;
use std::path::Path;

use keepalive::{FromCache, Lease, Request, Tls};
use keepalive_testkit::net::nginx::nginx;
use keepalive_testkit::net::program::{Program, free_port};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::tls::{Authority, trust};
use crate::support::{build, run};

#[test]
fn nginx_serves_https_with_and_without_client_certificates() {
    run(async || {
        let root = Authority::root("test root");
        let folder = tempfile::tempdir().unwrap();
        let (open, closed) = (free_port(), free_port());
        let identity = root.issue(&["localhost"]);
        for (name, text) in [
            ("cert.pem", identity.pem.clone()),
            ("key.pem", identity.key_pem()),
            ("root.pem", root.pem()),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let settings = settings(folder.path(), open, closed);
        let Some(mut command) = nginx(folder.path(), &settings) else {
            return;
        };
        let _server = Program::listening(&mut command, open);

        let manager = build(|it| it.tls(trust(&root)));
        let request = Request::new("https", "localhost", open).unwrap();
        for round in 0..100 {
            let mut lease = manager.allocate(request.clone()).await.unwrap();
            let expected = (round > 0).then_some(FromCache::Immediate);
            assert_eq!(lease.from_cache(), expected, "round {round}");
            assert_eq!(lease.tls().unwrap().alpn(), None);
            let answer = get(&mut lease).await;
            assert!(answer.ends_with("hello from localhost\n"), "{answer}");
            lease.free();
        }

        let me = root.issue(&["me.test"]);
        let known = Tls::builder()
            .roots_pem(root.pem())
            .client_certificate_pem(me.pem.clone(), me.key_pem())
            .alpn(["http/1.1"])
            .build()
            .unwrap();
        let request = Request::new("https", "localhost", closed).unwrap();
        let mut lease = manager.allocate(request.clone().tls(known)).await.unwrap();
        assert_eq!(lease.tls().unwrap().alpn(), Some(&b"http/1.1"[..]));
        let answer = get(&mut lease).await;
        assert!(answer.ends_with("hello to CN=the server\n"), "{answer}");

        let mut lease = manager.allocate(request).await.unwrap();
        let answer = get(&mut lease).await;
        assert!(
            answer.contains("No required SSL certificate was sent"),
            "{answer}"
        );
    });
}

/// Sends a request, and reads a response to the end of its body.
async fn get(lease: &mut Lease) -> String {
    let question = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    lease.write_all(question).await.expect("nginx listens");
    lease.flush().await.expect("nginx listens");
    let mut answer = Vec::new();
    loop {
        lease.read_buf(&mut answer).await.expect("nginx answers");
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("Content-Length: "));
            let length: usize = length.expect("a length").parse().expect("a number");
            if body.len() >= length {
                return text.into_owned();
            }
        }
    }
}

fn settings(folder: &Path, open: u16, closed: u16) -> String {
    let folder = folder.display();
    format!(
        "    access_log off;
    ssl_certificate {folder}/cert.pem;
    ssl_certificate_key {folder}/key.pem;
    ssl_client_certificate {folder}/root.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    server {{
        listen 127.0.0.1:{open} ssl;
        location / {{ return 200 \"hello from $ssl_server_name\\n\"; }}
    }}
    server {{
        listen 127.0.0.1:{closed} ssl;
        ssl_verify_client on;
        location / {{ return 200 \"hello to $ssl_client_s_dn\\n\"; }}
    }}"
    )
}
