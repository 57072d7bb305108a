//! A proxy of scheme `https`: TLS to it, and within that a tunnel, with TLS to the host if need be.

use keepalive::rustls::ServerConfig;
use keepalive::{
    AllocateError, Connector, FromCache, Lease, Manager, NetConnector, Proxy, Request, Tls,
};
use tokio::io::AsyncWriteExt;

use crate::support::proxy::HttpProxy;
use crate::support::tls::{Authority, Order, TlsServer, trust};
use crate::support::{Server, build, echo, error, eventually, hear, run};

const OPEN: &str = "HTTP/1.1 200 OK\r\n\r\n";

fn at(proxy: &HttpProxy) -> Proxy {
    let url = format!("https://me:secret@{}", proxy.address);
    url.parse().expect("a proxy")
}

fn manager(net: NetConnector) -> Manager {
    build(|it| it.connector(net))
}

/// A connection is opened, used, and used again.
async fn goes(manager: &Manager, request: &Request) -> Lease {
    let opened = manager.allocate(request).await;
    let mut lease = opened.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(lease.from_cache(), None);
    echo(&mut lease, "by a proxy with TLS").await;
    lease.free();
    let again = manager.allocate(request).await;
    let mut lease = again.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(lease.from_cache(), Some(FromCache::Immediate));
    echo(&mut lease, "again").await;
    lease
}

/// An authority, a proxy with a certificate of it, and settings that trust it.
async fn proxy_to(to: u16) -> (Authority, HttpProxy, Tls) {
    let root = Authority::root("root of the proxy");
    let identity = root.issue(&["127.0.0.1"]);
    let to = ([127, 0, 0, 1], to).into();
    let proxy = HttpProxy::start_sealed(identity.config(), OPEN, Some(to)).await;
    let tls = trust(&root);
    (root, proxy, tls)
}

/// A server and a proxy to it, each with TLS, and a manager that trusts both.
async fn tls_within_tls(start: fn(ServerConfig) -> TlsServer) -> (TlsServer, HttpProxy, Manager) {
    let root = Authority::root("root of the host");
    let server = start(root.issue(&["127.0.0.1"]).config());
    let (_, proxy, tls) = proxy_to(server.request().port()).await;
    let net = NetConnector::new()
        .proxy(at(&proxy).tls(tls))
        .tls(trust(&root));
    (server, proxy, manager(net))
}

#[test]
fn clear_text_goes_through_the_tls_of_a_proxy() {
    run(async || {
        let server = Server::start();
        let (_, proxy, tls) = proxy_to(server.port()).await;
        let manager = manager(NetConnector::new().proxy(at(&proxy).tls(tls)));
        let lease = goes(&manager, &server.request()).await;
        assert!(lease.tls().is_none(), "none is with the host");
        assert!(lease.as_tcp().is_none(), "the socket alone is of no use");
        let [(head, alpn)] = &proxy.seen()[..] else {
            panic!("one tunnel: {:?}", proxy.seen());
        };
        assert!(head.starts_with("CONNECT 127.0.0.1:"), "{head}");
        assert!(head.contains("Proxy-Authorization: Basic "), "{head}");
        assert_eq!(alpn.as_deref(), Some(&b"http/1.1"[..]));
    });
}

#[test]
fn tls_to_the_host_goes_through_the_tls_of_a_proxy() {
    run(async || {
        let (server, proxy, manager) = tls_within_tls(TlsServer::start).await;
        let lease = goes(&manager, &server.request()).await;
        let info = lease.tls().expect("TLS with the host");
        assert!(info.peer_certificates().next().is_some());
        assert_eq!(info.alpn(), None);
        assert_eq!(proxy.seen().len(), 1);
        lease.close();
        server.announced.until(|tally| tally.total == 1).await;
    });
}

#[test]
fn a_proxy_uses_the_tls_settings_of_https_without_their_alpn() {
    run(async || {
        let server = Server::start();
        let (root, proxy, _) = proxy_to(server.port()).await;
        let tls = Tls::builder().roots_pem(root.pem()).alpn(["h2"]).build();
        let net = NetConnector::new()
            .proxy(at(&proxy))
            .tls(tls.expect("settings"));
        drop(goes(&manager(net), &server.request()).await);
        assert_eq!(proxy.seen()[0].1.as_deref(), Some(&b"http/1.1"[..]));
    });
}

#[test]
fn bytes_of_the_host_right_after_a_tls_proxys_answer_are_kept() {
    run(async || {
        let server = Server::start();
        let root = Authority::root("root of the proxy");
        let config = root.issue(&["127.0.0.1"]).config();
        let answer = format!("{OPEN}welcome\n");
        let proxy = HttpProxy::start_sealed(config, answer, None).await;
        let manager = manager(NetConnector::new().proxy(at(&proxy).tls(trust(&root))));
        let lease = manager.allocate(server.request()).await;
        let mut lease = lease.expect("a connection");
        hear(&mut lease, "welcome\n").await;
    });
}

#[test]
fn an_idle_connection_through_a_tls_proxy_is_watched() {
    run(async || {
        for order in [Order::SendByte, Order::Close, Order::RekeyWithoutEnd] {
            let (server, _proxy, manager) = tls_within_tls(TlsServer::start).await;
            goes(&manager, &server.request()).await.free();
            // New keys are no data, and the connection stays.
            server.order(Order::Rekey);
            goes_again(&manager, &server.request()).await;
            server.order(order);
            eventually("removed", || manager.totals().open == 0).await;
        }
    });
}

async fn goes_again(manager: &Manager, request: &Request) {
    let mut lease = manager.allocate(request).await.expect("a connection");
    assert_eq!(lease.from_cache(), Some(FromCache::Immediate));
    echo(&mut lease, "again").await;
    lease.free();
}

#[test]
fn late_tickets_through_a_tls_proxy_are_no_data() {
    run(async || {
        let (server, _proxy, manager) = tls_within_tls(TlsServer::holding_tickets).await;
        let lease = manager.allocate(server.request()).await;
        lease.expect("a connection").free();
        server.send_tickets();
        server.handshakes.until(|tally| tally.total == 1).await;
        goes_again(&manager, &server.request()).await;
    });
}

#[test]
fn a_forwarder_is_reached_by_tls() {
    run(async || {
        let (_, proxy, tls) = proxy_to(9).await;
        let net = NetConnector::new().proxy(at(&proxy).tls(tls));
        let host: Request = "http://h.test".parse().expect("a request");
        let forwarder = net.forwarder(host.host()).expect("a forwarder");
        let lease = manager(net).allocate(forwarder.request()).await;
        let mut lease = lease.expect("a connection");
        assert_eq!(lease.tls().expect("TLS").alpn(), Some(&b"http/1.1"[..]));
        lease
            .write_all(b"GET / HTTP/1.1\r\n\r\n")
            .await
            .expect("sent");
        eventually("heard", || proxy.seen().len() == 1).await;
        assert_eq!(proxy.seen()[0].0, "GET / HTTP/1.1\r\n\r\n");
    });
}

#[test]
fn a_bad_certificate_of_a_proxy_is_an_error_with_the_proxy() {
    run(async || {
        let server = Server::start();
        let (root, proxy, _) = proxy_to(server.port()).await;
        let stranger = Authority::root("another");
        let check = |failed: AllocateError, said: &str| {
            let text = failed.to_string();
            assert_eq!(failed.function(), "tls", "{text}");
            assert!(text.contains(said), "{text}");
            assert!(
                text.contains(&format!("proxy https://{}", proxy.address)),
                "{text}"
            );
            assert!(!text.contains("secret"), "{text}");
        };
        let by = |proxy: Proxy| manager(NetConnector::new().proxy(proxy));
        let unknown = at(&proxy).tls(trust(&stranger));
        let forwarding = NetConnector::new().proxy(unknown.clone());
        let host: Request = "http://h.test".parse().expect("a request");
        let forwarder = forwarding.forwarder(host.host()).expect("a forwarder");
        check(
            error(by(unknown).allocate(server.request()).await),
            "unknown",
        );
        let failed = manager(forwarding).allocate(forwarder.request()).await;
        check(error(failed), "unknown");

        let identity = root.issue(&["other.test"]);
        let other = HttpProxy::start_sealed(identity.config(), OPEN, None).await;
        let failed = by(at(&other).tls(trust(&root)))
            .allocate(server.request())
            .await;
        let text = error(failed).to_string();
        assert!(
            text.contains("wrong name") && text.contains("other.test"),
            "{text}"
        );
    });
}
