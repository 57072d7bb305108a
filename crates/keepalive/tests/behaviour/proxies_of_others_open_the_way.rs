//! Proxies that others have written: tinyproxy for `CONNECT`, microsocks for SOCKS 5.
//!
//! Skipped where they are not installed, unless `KEEPALIVE_REQUIRE_PROXIES=1` is set.

use std::fs;

use crate::support::proxy::Program;
use crate::support::{Refusing, Server, ask, echo, error, run};
use keepalive::{AllocateError, FromCache, Manager, Net, Proxy, Request};

fn tinyproxy(folder: &std::path::Path, more: &str) -> Option<Program> {
    let more = more.to_owned();
    Program::start("tinyproxy", folder, move |port, folder| {
        let file = folder.join("tinyproxy.conf");
        let settings = format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\n{more}");
        fs::write(&file, settings).expect("a folder of the test's own");
        ["-d", "-c"]
            .map(str::to_owned)
            .into_iter()
            .chain([file.display().to_string()])
            .collect()
    })
}

fn microsocks(folder: &std::path::Path, more: &[&str]) -> Option<Program> {
    let more: Vec<String> = more.iter().map(ToString::to_string).collect();
    Program::start("microsocks", folder, move |port, _| {
        let port = port.to_string();
        let own = ["-i", "127.0.0.1", "-p", &port].map(str::to_owned);
        own.into_iter().chain(more).collect()
    })
}

fn by(url: &str) -> Manager {
    let proxy: Proxy = url.parse().expect("a proxy");
    let manager = Manager::builder()
        .connector(Net::new().proxy(proxy))
        .build();
    manager.expect("good settings")
}

/// A connection to `request`'s host is opened by a proxy, used, and used again.
async fn goes(url: &str, request: Request) {
    let manager = by(url);
    for expected in [None, Some(FromCache::Immediate)] {
        let mut lease = manager.allocate(request.clone()).await.expect(url);
        assert_eq!(lease.from_cache(), expected, "{url}");
        echo(&mut lease, "by another's proxy").await;
        let own = lease
            .as_tcp()
            .expect("tcp")
            .local_addr()
            .expect("connected");
        assert_ne!(
            ask(&mut lease, "who").await,
            own.to_string(),
            "{url} stands between"
        );
        lease.free();
    }
}

async fn fails(url: &str, request: Request) -> AllocateError {
    let failed = error(by(url).allocate(request).await);
    assert_eq!(failed.function(), "proxy", "{failed}");
    assert!(!failed.to_string().contains("secret"), "{failed}");
    failed
}

#[test]
fn tinyproxy_opens_the_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(proxy) = tinyproxy(folder.path(), "") else {
        return;
    };
    run(async || {
        let server = Server::start();
        let url = format!("http://{}", proxy.address);
        goes(&url, server.request()).await;
        goes(&url, server.request_at("localhost")).await;
        let failed = fails(&url, Refusing::new().request()).await;
        assert!(
            failed.to_string().contains("opened no tunnel: 5"),
            "{failed}"
        );
    });
}

#[test]
fn tinyproxy_wants_the_right_credentials() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(proxy) = tinyproxy(folder.path(), "BasicAuth me secret\n") else {
        return;
    };
    run(async || {
        let server = Server::start();
        goes(
            &format!("http://me:secret@{}", proxy.address),
            server.request(),
        )
        .await;
        let failed = fails(
            &format!("http://me:secretly@{}", proxy.address),
            server.request(),
        )
        .await;
        assert!(failed.to_string().contains("the proxy"), "{failed}");
        let failed = fails(&format!("http://{}", proxy.address), server.request()).await;
        assert!(
            failed.to_string().contains("wants credentials: 407"),
            "{failed}"
        );
    });
}

#[test]
fn microsocks_opens_the_way_and_says_what_the_system_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(proxy) = microsocks(folder.path(), &[]) else {
        return;
    };
    run(async || {
        let server = Server::start();
        for scheme in ["socks5", "socks5h"] {
            let url = format!("{scheme}://{}", proxy.address);
            goes(&url, server.request()).await;
            goes(&url, server.request_at("localhost")).await;
            let failed = fails(&url, Refusing::new().request()).await;
            assert_eq!(failed.error_num(), Some(libc::ECONNREFUSED), "{failed}");
        }
    });
}

#[test]
fn microsocks_wants_the_right_credentials() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(proxy) = microsocks(folder.path(), &["-u", "me", "-P", "secret"]) else {
        return;
    };
    run(async || {
        let server = Server::start();
        goes(
            &format!("socks5h://me:secret@{}", proxy.address),
            server.request(),
        )
        .await;
        for user in ["me:secretly@", ""] {
            let url = format!("socks5h://{user}{}", proxy.address);
            fails(&url, server.request()).await;
        }
    });
}
