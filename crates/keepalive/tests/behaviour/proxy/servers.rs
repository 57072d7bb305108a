//! N7: third-party proxies: squid and tinyproxy for `CONNECT`, microsocks for SOCKS 5.
//!
//! Skipped where they are not installed, unless `KEEPALIVE_REQUIRE_SQUID=1`,
//! `KEEPALIVE_REQUIRE_TINYPROXY=1` and `KEEPALIVE_REQUIRE_MICROSOCKS=1` are set.

use std::path::Path;

use keepalive::{AllocateError, FromCache, Manager, NetConnector, Proxy, Request, errno};
use keepalive_testkit::net::proxies;
use keepalive_testkit::net::proxies::{Setup, microsocks, squid, tinyproxy};

use crate::support::{Refusing, Server, build, echo, error, run};

fn by(url: &str) -> Manager {
    let proxy: Proxy = url.parse().expect("a proxy");
    build(|it| it.connector(NetConnector::new().proxy(proxy)))
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

type Start = fn(&Path, Setup<'_>) -> Option<proxies::Proxy>;

/// Runs `goes` with each installed HTTP proxy, which opens tunnels to any port.
fn each(wants_credentials: bool, goes: &impl AsyncFn(&proxies::Proxy)) {
    for start in [squid as Start, tinyproxy] {
        let folder = tempfile::tempdir().expect("a folder");
        let setup = Setup {
            wants_credentials,
            tunnels_anywhere: true,
            ..Setup::default()
        };
        if let Some(proxy) = start(folder.path(), setup) {
            run(async || goes(&proxy).await);
        }
    }
}

#[test]
fn squid_and_tinyproxy_open_tunnels() {
    each(false, &async |proxy| {
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
fn squid_and_tinyproxy_require_the_right_credentials() {
    each(true, &async |proxy| {
        let (server, address) = (Server::start(), proxy.address);
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
fn squid_as_it_comes_opens_no_tunnel_to_port_80() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(proxy) = squid(folder.path(), Setup::default()) else {
        return;
    };
    run(async || {
        let url = format!("http://{}", proxy.address);
        let failed = fails(&url, Server::start().request()).await;
        assert!(
            failed.to_string().contains("opened no tunnel: 403"),
            "{failed}"
        );
    });
}

#[test]
fn microsocks_opens_tunnels_and_reports_system_errors() {
    let Some(proxy) = microsocks(Setup::default()) else {
        return;
    };
    let address = proxy.address;
    run(async || {
        let server = Server::start();
        for scheme in ["socks5", "socks5h"] {
            let url = format!("{scheme}://{address}");
            goes(&url, server.request()).await;
            goes(&url, server.request_at("localhost")).await;
            let failed = fails(&url, Refusing::new().request()).await;
            assert_eq!(failed.error_num(), Some(errno::ECONNREFUSED), "{failed}");
        }
    });
}

#[test]
fn microsocks_requires_the_right_credentials() {
    let setup = Setup {
        wants_credentials: true,
        ..Setup::default()
    };
    let Some(proxy) = microsocks(setup) else {
        return;
    };
    let address = proxy.address;
    run(async || {
        let server = Server::start();
        goes(&format!("socks5h://me:secret@{address}"), server.request()).await;
        for user in ["me:secretly@", ""] {
            let url = format!("socks5h://{user}{address}");
            fails(&url, server.request()).await;
        }
    });
}
