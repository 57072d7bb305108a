//! H14: an HTTP client sends `http` requests to a forwarder; a user of the manager gets a tunnel.

use keepalive::{Connector, NetConnector, Proxies, Proxy, Request};

use crate::support::proxy::HttpProxy;
use crate::support::{Server, build, echo, run};

fn proxy(url: &str) -> Proxy {
    url.parse().expect("a proxy")
}

fn net(proxies: impl Into<Proxies>) -> NetConnector {
    NetConnector::new().proxy(proxies)
}

fn request(url: &str) -> Request {
    url.parse().expect("a request")
}

fn named(net: &NetConnector, request: &Request) -> Option<String> {
    let forwarder = net.forwarder(request.host())?;
    Some(forwarder.request().host().to_string())
}

#[test]
fn a_forwarder_is_an_http_proxy_for_scheme_http_alone() {
    let all = || Proxies::from(proxy("http://p:1"));
    let excepted = all().no_proxy("h.test").expect("a name");
    let https = Proxies::new().scheme("https", proxy("http://p:1"));
    let mixed = https.clone().scheme("http", proxy("http://q:2"));
    for (what, net, url, expected) in [
        ("no proxy", NetConnector::new(), "http://h.test", None),
        ("a proxy for all", net(all()), "http://h.test", Some("p:1")),
        ("a port", net(all()), "http://h.test:81", Some("p:1")),
        ("TLS", net(all()), "https://h.test", None),
        ("another scheme", net(all()), "tcp://h.test:80", None),
        ("a websocket", net(all()), "ws://h.test", None),
        ("an exception", net(excepted), "http://h.test", None),
        ("of https", net(https), "http://h.test", None),
        ("one each", net(mixed), "http://h.test", Some("q:2")),
        ("SOCKS", net(proxy("socks5h://p:1")), "http://h.test", None),
        (
            "tunnels",
            net(proxy("http://p:1").tunnel(true)),
            "http://h.test",
            None,
        ),
        (
            "no tunnels",
            net(proxy("http://p:1").tunnel(true).tunnel(false)),
            "http://h.test",
            Some("p:1"),
        ),
        (
            "a registered connector",
            net(all()).scheme("http", NetConnector::new()),
            "http://h.test",
            None,
        ),
        (
            "a proxy taken back",
            net(all()).proxy(Proxies::new()),
            "http://h.test",
            None,
        ),
    ] {
        let expected = expected.map(|proxy| format!("http://{proxy} (proxy)"));
        assert_eq!(named(&net, &request(url)), expected, "{what}");
    }
}

#[test]
fn a_forwarder_has_connections_for_each_partition() {
    let net = net(proxy("http://p:1"));
    let request = request("http://h.test");
    let blue = request.clone().partition("blue");
    assert_eq!(named(&net, &request).as_deref(), Some("http://p:1 (proxy)"));
    let expected = "http://p:1 (partition \"blue\") (proxy)";
    assert_eq!(named(&net, &blue).as_deref(), Some(expected));
}

#[cfg(feature = "tls")]
#[test]
fn an_encrypted_request_is_not_forwarded() {
    let tls = || keepalive::Tls::builder().danger_accept_any_certificate();
    let tls = tls().build().expect("settings");
    let net = net(proxy("http://p:1"));
    let own = request("http://h.test").tls(tls.clone());
    assert_eq!(named(&net, &own), None);
    let net = net.tls_scheme("http", tls);
    assert_eq!(named(&net, &request("http://h.test")), None);
}

#[test]
fn credentials_of_a_forwarder_are_in_no_printed_form() {
    let net = net(proxy("http://Aladdin:open%20sesame@p:1"));
    let host = request("http://h.test");
    let forwarder = net.forwarder(host.host()).expect("a forwarder");
    // The example of RFC 7617, section 2.
    let header = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    assert_eq!(forwarder.authorization(), Some(header));
    let shown = format!("{forwarder:?} {net:?} {}", forwarder.request().host());
    assert!(
        !shown.contains("QWxh") && !shown.contains("Aladdin"),
        "{shown}"
    );
}

#[test]
fn a_forwarder_is_connected_to_and_asked_for_no_tunnel() {
    run(async || {
        let server = Server::start();
        let address = format!("127.0.0.1:{}", server.port());
        // An echo server shows that the client sent nothing before.
        let net = net(proxy(&format!("http://{address}")));
        let host = request("http://h.test");
        let forwarder = net.forwarder(host.host()).expect("a forwarder");
        let manager = build(|it| it.connector(net));
        let lease = manager.allocate(forwarder.request()).await;
        let mut lease = lease.expect("a connection");
        echo(&mut lease, "to the proxy itself").await;
        assert_eq!(
            lease
                .as_tcp()
                .expect("tcp")
                .peer_addr()
                .expect("connected")
                .to_string(),
            address
        );
    });
}

#[test]
fn a_request_of_scheme_http_to_a_manager_gets_a_tunnel() {
    run(async || {
        let server = Server::start();
        let to = ([127, 0, 0, 1], server.port()).into();
        let open = "HTTP/1.1 200 OK\r\n\r\n";
        let by = HttpProxy::start(open, Some(to)).await;
        let net = net(proxy(&format!("http://{}", by.address)));
        let manager = build(|it| it.connector(net));
        let lease = manager.allocate(request("http://h.test")).await;
        let mut lease = lease.expect("a connection");
        echo(&mut lease, "through a tunnel").await;
        assert!(
            by.heads()[0].starts_with("CONNECT h.test:80 HTTP/1.1\r\n"),
            "{:?}",
            by.heads()
        );
    });
}
