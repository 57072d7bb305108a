//! H14: an HTTP proxy forwards requests of scheme `http` (RFC 9112, section 3.2.2). Limits and
//! reuse then apply to the proxy as the host.

use http::{Method, Request, StatusCode};
use http_body_util::Empty;
use hyper::body::Bytes;
use keepalive::{FromCache, Manager, NetConnector, Proxies, Proxy};
use keepalive_http::{Client, Error, Http};
use tokio::task::JoinSet;

use crate::support::{Outcome, Server, allocation, client_of, exchange, ok, text, within};

fn at(server: &Server, user: &str) -> Proxy {
    let url = format!("http://{user}127.0.0.1:{}", server.port());
    url.parse().expect("a proxy")
}

fn by(proxies: impl Into<Proxies>) -> Client {
    client_of(Http::over(NetConnector::new().proxy(proxies)), 2)
}

fn get(client: &Client, url: &str) -> impl Future<Output = Outcome> {
    Box::pin(within(client.get(url)))
}

#[tokio::test]
async fn a_proxy_receives_whole_urls_and_one_connection_serves_all_servers() {
    let server = Server::start().await;
    let client = by(at(&server, ""));
    let (response, mut peer) = exchange(
        get(&client, "http://first.test/"),
        server.serve(ok("first")),
    )
    .await;
    let response = response.unwrap();
    assert_eq!(allocation(&response).from_cache, None);
    assert_eq!(text(response).await, "first");
    for (url, asked, host) in [
        ("http://h.test/a?b=c", "http://h.test/a?b=c", "h.test"),
        ("http://h.test", "http://h.test/", "h.test"),
        ("http://h.test:80?b", "http://h.test/?b", "h.test"),
        ("http://h.test:81/", "http://h.test:81/", "h.test:81"),
        ("http://[::1]:81/", "http://[::1]:81/", "[::1]:81"),
        ("http://192.0.2.1/#top", "http://192.0.2.1/", "192.0.2.1"),
    ] {
        let (response, head) = exchange(get(&client, url), peer.serve(ok(url))).await;
        let response = response.unwrap();
        let expected = format!("GET {asked} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        assert_eq!(head, expected);
        let from_cache = allocation(&response).from_cache;
        assert_eq!(from_cache, Some(FromCache::Immediate), "{url}");
        assert_eq!(text(response).await, url);
    }
    assert_eq!(client.manager().totals().opened, 1);
    let hosts = client.manager().stats().hosts;
    let hosts: Vec<_> = hosts.iter().map(|stats| stats.host.to_string()).collect();
    let expected = format!("http://127.0.0.1:{} (proxy)", server.port());
    assert_eq!(hosts, [expected]);
}

#[tokio::test]
async fn credentials_of_a_proxy_are_for_the_proxy_alone() {
    let (server, straight) = (Server::start().await, Server::start().await);
    let excepted = format!("127.0.0.1:{}", straight.port());
    let proxies = Proxies::from(at(&server, "Aladdin:open%20sesame@"));
    let client = by(proxies.no_proxy(&excepted).unwrap());

    // The example of RFC 7617, section 2.
    let header = "\r\nproxy-authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n";
    let serve = async { server.accept().await.serve(ok("")).await };
    let (response, head) = exchange(get(&client, "http://h.test/"), serve).await;
    text(response.unwrap()).await;
    assert!(head.contains(header), "{head}");

    let url = straight.uri("/").to_string();
    let serve = async { straight.accept().await.serve(ok("")).await };
    let (response, head) = exchange(get(&client, &url), serve).await;
    text(response.unwrap()).await;
    assert!(head.starts_with("GET / HTTP/1.1\r\n"), "{head}");
    assert!(!head.contains("authorization"), "{head}");
}

#[tokio::test]
async fn a_proxy_authorization_of_the_users_own_stays() {
    let server = Server::start().await;
    let client = by(at(&server, "me:secret@"));
    let request = Request::get("http://h.test/").header("proxy-authorization", "Bearer token");
    let request = client.request(request.body(Empty::<Bytes>::new()).unwrap());
    let serve = async { server.accept().await.serve(ok("")).await };
    let (response, head) = exchange(request, serve).await;
    text(response.unwrap()).await;
    let found: Vec<_> = head.matches("proxy-authorization: ").collect();
    assert_eq!(found.len(), 1, "{head}");
    assert!(head.contains("Bearer token"), "{head}");
}

#[tokio::test]
async fn a_request_that_a_proxy_cannot_forward_goes_through_a_tunnel() {
    let plain = || Request::get("http://h.test/").body(Empty::<Bytes>::new());
    let upgrade = || {
        let request = Request::get("http://h.test/").header("connection", "upgrade");
        request.header("upgrade", "echo").body(Empty::new())
    };
    let tls = || Request::get("https://h.test/").body(Empty::new());
    let tunnel = || {
        let request = Request::builder().method(Method::CONNECT).uri("h.test:80");
        request.body(Empty::new())
    };
    let net = |proxy: Proxy| NetConnector::new().proxy(proxy);
    for (what, proxy, request, expected) in [
        ("plain", false, plain(), "GET http://h.test/ "),
        ("tunnel(true)", true, plain(), "CONNECT h.test:80 "),
        ("http2_only", false, plain(), "CONNECT h.test:80 "),
        ("an upgrade", false, upgrade(), "CONNECT h.test:80 "),
        ("TLS", false, tls(), "CONNECT h.test:443 "),
        (
            "a tunnel of the user's",
            false,
            tunnel(),
            "CONNECT h.test:80 ",
        ),
    ] {
        let server = Server::start().await;
        let http = Http::over(net(at(&server, "").tunnel(proxy)));
        let http = match what {
            "http2_only" => http.http2_only(),
            _ => http,
        };
        let client = client_of(http, 2);
        let serve = async {
            let mut peer = server.accept().await;
            (peer.request().await, peer)
        };
        let asked = client.request(request.unwrap());
        let (head, _peer) = tokio::select! {
            _ = asked => panic!("{what}: nobody answers"),
            seen = within(serve) => seen,
        };
        assert!(head.starts_with(expected), "{what}: {head}");
    }
}

#[tokio::test]
async fn each_server_has_its_own_tunnel_through_a_proxy() {
    let server = Server::start().await;
    let client = by(at(&server, "me:secret@").tunnel(true));
    for name in ["a.test", "b.test"] {
        let serve = async {
            let mut peer = server.accept().await;
            let connect = peer.serve("HTTP/1.1 200 OK\r\n\r\n").await;
            (connect, peer.serve(ok(name)).await)
        };
        let url = format!("http://{name}/");
        let (response, (connect, head)) = exchange(get(&client, &url), serve).await;
        assert_eq!(text(response.unwrap()).await, name);
        assert!(connect.contains("Proxy-Authorization: "), "{connect}");
        assert_eq!(head, format!("GET / HTTP/1.1\r\nhost: {name}\r\n\r\n"));
    }
}

#[tokio::test]
async fn a_proxy_that_wants_credentials_is_an_answer_of_407() {
    let server = Server::start().await;
    let client = by(at(&server, ""));
    let answer =
        "HTTP/1.1 407 Who are you\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n";
    let (response, _peer) = exchange(get(&client, "http://h.test/"), server.serve(answer)).await;
    let response = response.unwrap();
    assert_eq!(response.status(), StatusCode::PROXY_AUTHENTICATION_REQUIRED);
}

#[tokio::test]
async fn the_limit_per_host_counts_the_connections_to_a_proxy() {
    for (limit, expected) in [(None, 2), (Some(3), 3)] {
        let server = Server::start().await;
        let proxy = at(&server, "");
        let builder = Manager::builder().max_per_host(2);
        let builder = match limit {
            Some(limit) => builder.max_per_host_of(&proxy.host(), limit),
            None => builder,
        };
        let http = Http::over(NetConnector::new().proxy(proxy));
        let client = Client::new(builder.connector(http).build().unwrap());
        let mut asked = JoinSet::new();
        for number in 0..20 {
            let client = client.clone();
            asked.spawn(async move {
                let url = format!("http://h{number}.test/");
                let response = client.get(&*url).await;
                text(response.unwrap()).await
            });
        }
        // As many connections as there may be, each with a request; all others wait.
        let mut peers = Vec::new();
        for _ in 0..expected {
            let mut peer = server.accept().await;
            peer.request().await;
            peers.push(peer);
        }
        let totals = client.manager().totals();
        let found = (totals.open, totals.leased, totals.waiting);
        assert_eq!(found, (expected, expected, 20 - expected));
        for mut peer in peers {
            tokio::spawn(async move {
                loop {
                    peer.send(&ok("")).await;
                    peer.request().await;
                }
            });
        }
        within(asked.join_all()).await;
        assert_eq!(client.manager().totals().opened, expected as u64);
    }
}

#[tokio::test]
async fn errors_through_a_proxy_name_the_server_and_the_proxy_and_no_secret() {
    let server = Server::start().await;
    let proxy = at(&server, "me:secret@");
    let client = by(proxy.clone()).retries(0);
    let shown = format!("GET http://h.test:80 by {}: ", proxy.host());
    let check = |error: Error, function: &str| {
        let text = error.to_string();
        assert_eq!(error.function(), function, "{text}");
        assert!(text.starts_with(&shown), "{text}");
        for text in [text, format!("{error:?}")] {
            assert!(
                !text.contains("secret") && !text.contains("Basic"),
                "{text}"
            );
        }
    };

    let close = async { drop(server.accept().await.request().await) };
    let (response, ()) = exchange(get(&client, "http://h.test/path"), close).await;
    check(response.unwrap_err(), "response");

    let cut = server.serve("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfour");
    let (response, peer) = exchange(get(&client, "http://h.test/path"), cut).await;
    drop(peer);
    let body = http_body_util::BodyExt::collect(response.unwrap().into_body());
    check(within(body).await.unwrap_err(), "body");

    drop(server);
    let refused = get(&client, "http://h.test/path").await.unwrap_err();
    check(refused, "connect");
}
