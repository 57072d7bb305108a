//! N7: connections to a host go through the proxy that is set for it.

use std::net::SocketAddr;

use keepalive::{FromCache, Manager, NetConnector, Proxies, Proxy, Request};

use crate::support::proxy::HttpProxy;
use crate::support::{Server, ask, build, echo, hear, run};

const OPEN: &str = "HTTP/1.1 200 Connection established\r\nVia: a proxy\r\n\r\n";

fn by(proxies: impl Into<Proxies>) -> Manager {
    build(|it| it.connector(NetConnector::new().proxy(proxies)))
}

fn at(address: SocketAddr, user: &str) -> Proxy {
    format!("http://{user}{address}").parse().expect("a proxy")
}

fn of(server: &Server) -> SocketAddr {
    ([127, 0, 0, 1], server.port()).into()
}

#[test]
fn a_tunnel_through_a_proxy_is_opened_and_reused() {
    run(async || {
        let server = Server::start();
        let proxy = HttpProxy::start(OPEN, Some(of(&server))).await;
        let manager = by(at(proxy.address, ""));
        for expected in [None, Some(FromCache::Immediate)] {
            let lease = manager.allocate(server.request()).await;
            let mut lease = lease.expect("a connection");
            assert_eq!(lease.from_cache(), expected);
            echo(&mut lease, "by a proxy").await;
            lease.free();
        }
        let port = server.port();
        let head = format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
        assert_eq!(proxy.heads(), [head]);
    });
}

#[test]
fn a_proxy_resolves_the_names_of_hosts() {
    run(async || {
        let server = Server::start();
        let proxy = HttpProxy::start(OPEN, Some(of(&server))).await;
        let manager = by(at(proxy.address, ""));
        let request = Request::new("test", "Only.The.Proxy.Knows.test", 9).expect("a request");
        let mut lease = manager.allocate(request).await.expect("a connection");
        echo(&mut lease, "who knows").await;
        let head = &proxy.heads()[0];
        assert!(
            head.starts_with("CONNECT only.the.proxy.knows.test:9 HTTP/1.1\r\n"),
            "{head}"
        );
    });
}

#[test]
fn credentials_are_sent_to_a_proxy() {
    run(async || {
        let server = Server::start();
        let proxy = HttpProxy::start(OPEN, Some(of(&server))).await;
        let manager = by(at(proxy.address, "Aladdin:open%20sesame@"));
        let lease = manager.allocate(server.request()).await;
        lease.expect("a connection").close();
        // The example of RFC 7617, section 2.
        let line = "\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n";
        assert!(proxy.heads()[0].contains(line), "{:?}", proxy.heads());
    });
}

#[test]
fn two_hosts_behind_one_proxy_have_a_tunnel_each() {
    run(async || {
        let server = Server::start();
        let proxy = HttpProxy::start(OPEN, Some(of(&server))).await;
        let manager = by(at(proxy.address, ""));
        for name in ["one.test", "two.test", "one.test"] {
            let lease = manager.allocate(server.request_at(name)).await;
            let mut lease = lease.expect("a connection");
            echo(&mut lease, name).await;
            lease.free();
        }
        let asked: Vec<_> = proxy
            .heads()
            .iter()
            .map(|head| head[8..16].to_owned())
            .collect();
        assert_eq!(asked, ["one.test", "two.test"]);
    });
}

#[test]
fn each_form_of_a_proxys_success_is_accepted() {
    run(async || {
        let many = "X-Header: value\r\n".repeat(1_000);
        for answer in [
            OPEN.to_owned(),
            "HTTP/1.1 200 OK\n\n".to_owned(),
            "HTTP/1.1 200 OK\nVia: a proxy\n\n".to_owned(),
            "HTTP/1.1 200 OK\nVia: a proxy\r\n\n".to_owned(),
            "HTTP/1.1 200 OK\r\nVia: a proxy\n\r\n".to_owned(),
            "HTTP/1.0 200 OK\r\n\r\n".to_owned(),
            "HTTP/1.1 299 \r\n\r\n".to_owned(),
            "HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\n\n".to_owned(),
            "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
            format!("HTTP/1.1 200 OK\r\n{many}\r\n"),
        ] {
            // The bytes after the head are the host's, even if the head announces a body.
            let proxy = HttpProxy::start(format!("{answer}welcome\n"), None).await;
            let manager = by(at(proxy.address, ""));
            let request = Request::new("smtp", "mail.test", 25).expect("a request");
            let lease = manager.allocate(request).await;
            let mut lease = lease.unwrap_or_else(|error| panic!("{answer:?}: {error}"));
            hear(&mut lease, "welcome\n").await;
        }
    });
}

#[test]
fn an_exception_of_a_proxy_is_connected_to_directly() {
    run(async || {
        let server = Server::start();
        let proxy = HttpProxy::start(OPEN, Some(of(&server))).await;
        let proxies = Proxies::from(at(proxy.address, ""));
        let manager = by(proxies.no_proxy("127.0.0.0/8").expect("a network"));
        let lease = manager.allocate(server.request()).await;
        let mut lease = lease.expect("a connection");
        let own = lease
            .as_tcp()
            .expect("tcp")
            .local_addr()
            .expect("connected");
        assert_eq!(ask(&mut lease, "who").await, own.to_string());
        assert_eq!(proxy.heads(), [""; 0]);
    });
}
