//! Proxies that others have written: tinyproxy for `CONNECT`, microsocks for SOCKS 5.
//!
//! Skipped where they are not installed, unless `KEEPALIVE_REQUIRE_TINYPROXY=1` and
//! `KEEPALIVE_REQUIRE_MICROSOCKS=1` are set.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Refusing, Server, echo, error, run};
use keepalive::{AllocateError, FromCache, Manager, Net, Proxy, Request};
use keepalive_testkit::net::program::{Program, find, free_port};

fn tinyproxy(folder: &Path, more: &str) -> Option<(Program, SocketAddr)> {
    let (binary, port) = (find("tinyproxy")?, free_port());
    let file = folder.join("tinyproxy.conf");
    let settings = format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\n{more}");
    fs::write(&file, settings).expect("a folder of the test's own");
    Some(proxy(
        Command::new(binary).arg("-d").arg("-c").arg(file),
        port,
    ))
}

fn microsocks(more: &[&str]) -> Option<(Program, SocketAddr)> {
    let (binary, port) = (find("microsocks")?, free_port());
    let own = ["-i", "127.0.0.1", "-p", &port.to_string()].map(str::to_owned);
    Some(proxy(Command::new(binary).args(own).args(more), port))
}

fn proxy(command: &mut Command, port: u16) -> (Program, SocketAddr) {
    let program = Program::listening(command.stderr(Stdio::null()), port);
    (program, SocketAddr::from(([127, 0, 0, 1], port)))
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
        // Its local port proves nothing: the proxy's own connection may have the same.
        let peer = lease.as_tcp().expect("tcp").peer_addr();
        let peer = peer.expect("connected").to_string();
        assert!(url.ends_with(&peer), "{peer} is not {url}");
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
    let Some((_proxy, address)) = tinyproxy(folder.path(), "") else {
        return;
    };
    run(async || {
        let server = Server::start();
        let url = format!("http://{address}");
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
    let Some((_proxy, address)) = tinyproxy(folder.path(), "BasicAuth me secret\n") else {
        return;
    };
    run(async || {
        let server = Server::start();
        goes(&format!("http://me:secret@{address}"), server.request()).await;
        let failed = fails(&format!("http://me:secretly@{address}"), server.request()).await;
        assert!(failed.to_string().contains("the proxy"), "{failed}");
        let failed = fails(&format!("http://{address}"), server.request()).await;
        assert!(
            failed.to_string().contains("wants credentials: 407"),
            "{failed}"
        );
    });
}

#[test]
fn microsocks_opens_the_way_and_says_what_the_system_said() {
    let Some((_proxy, address)) = microsocks(&[]) else {
        return;
    };
    run(async || {
        let server = Server::start();
        for scheme in ["socks5", "socks5h"] {
            let url = format!("{scheme}://{address}");
            goes(&url, server.request()).await;
            goes(&url, server.request_at("localhost")).await;
            let failed = fails(&url, Refusing::new().request()).await;
            assert_eq!(failed.error_num(), Some(libc::ECONNREFUSED), "{failed}");
        }
    });
}

#[test]
fn microsocks_wants_the_right_credentials() {
    let Some((_proxy, address)) = microsocks(&["-u", "me", "-P", "secret"]) else {
        return;
    };
    run(async || {
        let server = Server::start();
        goes(&format!("socks5h://me:secret@{address}"), server.request()).await;
        for user in ["me:secretly@", ""] {
            let url = format!("socks5h://{user}{address}");
            fails(&url, server.request()).await;
        }
    });
}
