//! Squid and tinyproxy: forwarded requests, and requests through their tunnels, with and without
//! credentials.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use keepalive::{Manager, NetConnector, Proxy, Tls};
use keepalive_http::{Client, Http};
use keepalive_testkit::http_server::Server;
use keepalive_testkit::net::proxies::{self, Setup, squid, tinyproxy};
use keepalive_testkit::tls::Identity;
use tempfile::TempDir;
use tokio::task::JoinSet;

const ORIGINS: usize = 20;
const EACH: usize = 3;
const PER_HOST: usize = 2;

type Start = fn(&Path, Setup<'_>) -> Option<proxies::Proxy>;

/// Each proxy that is installed, with or without credentials, and its folder.
fn installed(
    credentials: &[bool],
    tunnels_anywhere: bool,
) -> impl Iterator<Item = (proxies::Proxy, TempDir, bool)> {
    let starts = [squid as Start, tinyproxy].into_iter();
    let all = starts.flat_map(|start| credentials.iter().map(move |&wants| (start, wants)));
    all.filter_map(move |(start, wants_credentials)| {
        let setup = Setup {
            wants_credentials,
            tunnels_anywhere,
            ..Setup::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let proxy = start(folder.path(), setup)?;
        Some((proxy, folder, wants_credentials))
    })
}

/// By default squid refuses tunnels to the ports of the origins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_forwarded_by_real_proxies_over_few_connections() {
    for (proxy, folder, wants_credentials) in installed(&[false, true], false) {
        let client = by(&url(&proxy, wants_credentials));
        ask_all(&client).await;
        let hosts = client.manager().stats().hosts;
        assert_eq!(hosts.len(), 1, "the proxy is the one host: {hosts:?}");
        if let Ok(log) = fs::read_to_string(folder.path().join("access.log")) {
            // A client without a request only checks whether the proxy listens.
            let lines = log.lines().filter(|line| line.contains(" PUT "));
            let clients: HashSet<_> = lines.map(|line| line.split(' ').next()).collect();
            assert!((1..=PER_HOST).contains(&clients.len()), "{log}");
            assert!(client.manager().totals().opened <= PER_HOST as u64);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tunnels_through_real_proxies_lead_to_one_server_each() {
    for (proxy, _folder, wants_credentials) in installed(&[false, true], true) {
        let client = by(&url(&proxy, wants_credentials).tunnel(true));
        ask_all(&client).await;
        assert_eq!(client.manager().stats().hosts.len(), ORIGINS);
    }
}

#[tokio::test]
async fn wrong_credentials_at_real_proxies_are_refused_without_a_secret_in_the_error() {
    for (proxy, _folder, _) in installed(&[true], true) {
        let origin = Origins::start(1).await;
        for user in ["", "me:secretly@"] {
            let proxy: Proxy = format!("http://{user}{}", proxy.address).parse().unwrap();
            let url = || origin.url(0, "");
            let response = by(&proxy).get(&*url()).await.unwrap();
            let refused = StatusCode::PROXY_AUTHENTICATION_REQUIRED;
            // Debian's tinyproxy takes wrong credentials for something unauthorised.
            let other = StatusCode::UNAUTHORIZED;
            assert!(
                [refused, other].contains(&response.status()),
                "{response:?}"
            );
            let tunnel = by(&proxy.tunnel(true)).get(&*url()).await;
            let error = tunnel.unwrap_err();
            assert_eq!(error.function(), "proxy", "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert!(origin.heads().is_empty(), "{:?}", origin.heads());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn squid_forwards_and_tunnels_within_tls() {
    let certificate = &Identity::local().pem;
    let key = Identity::local().key_pem();
    for tunnels in [false, true] {
        let setup = Setup {
            wants_credentials: true,
            tunnels_anywhere: tunnels,
            tls: Some((certificate, &key)),
        };
        let folder = tempfile::tempdir().unwrap();
        let Some(proxy) = squid(folder.path(), setup) else {
            return;
        };
        let url = format!("https://me:secret@{}", proxy.address);
        let trusts = Tls::builder().roots_pem(certificate.as_str()).build();
        let url: Proxy = url.parse().unwrap();
        let client = by(&url.tls(trusts.unwrap()).tunnel(tunnels));
        ask_all(&client).await;
        let hosts = if tunnels { ORIGINS } else { 1 };
        assert_eq!(client.manager().stats().hosts.len(), hosts);
    }
}

fn url(proxy: &proxies::Proxy, with_credentials: bool) -> Proxy {
    let user = if with_credentials { "me:secret@" } else { "" };
    format!("http://{user}{}", proxy.address).parse().unwrap()
}

fn by(proxy: &Proxy) -> Client {
    let http = Http::over(NetConnector::new().proxy(proxy.clone()));
    let builder = Manager::builder().max_per_host(PER_HOST).connector(http);
    Client::new(builder.build().unwrap())
}

/// Asks all of many origins at once, some times each, and sees that each answers for itself.
async fn ask_all(client: &Client) {
    let origins = Arc::new(Origins::start(ORIGINS).await);
    let mut asked = JoinSet::new();
    for number in 0..ORIGINS * EACH {
        let (client, origins) = (client.clone(), Arc::clone(&origins));
        asked.spawn(async move {
            let url = origins.url(number % ORIGINS, &format!("{number}"));
            let request = Request::put(&*url).body(Full::new(Bytes::from(format!("to {url}"))));
            let response = client.request(request.unwrap()).await;
            let response = response.unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!(response.status(), 200, "{url}");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, format!("to {url} at {url}"));
        });
    }
    asked.join_all().await;
    let heads = origins.heads();
    assert_eq!(heads.len(), ORIGINS * EACH);
    for head in heads {
        assert!(!head.contains_key("proxy-authorization"), "{head:?}");
    }
    assert!(client.manager().totals().open <= ORIGINS * PER_HOST);
}

/// Servers on a port each, that answer with what they were sent, and with their own URL.
struct Origins {
    ports: Vec<u16>,
    heads: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Origins {
    async fn start(count: usize) -> Self {
        let heads: Arc<Mutex<Vec<HeaderMap>>> = Arc::default();
        let mut ports = Vec::new();
        for _ in 0..count {
            let server = Server::start().await;
            let port = server.port();
            ports.push(port);
            let heads = Arc::clone(&heads);
            server.each(move |peer| {
                let heads = Arc::clone(&heads);
                async move {
                    let service = service_fn(|request| answer(request, port, &heads));
                    // The proxy may close at any time.
                    let _ended = http1::Builder::new()
                        .serve_connection(TokioIo::new(peer.into_stream()), service)
                        .await;
                }
            });
        }
        Self { ports, heads }
    }

    fn url(&self, origin: usize, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.ports[origin])
    }

    fn heads(&self) -> Vec<HeaderMap> {
        self.heads.lock().unwrap().clone()
    }
}

async fn answer(
    request: Request<Incoming>,
    port: u16,
    heads: &Mutex<Vec<HeaderMap>>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let told = body.collect().await?.to_bytes();
    let told = String::from_utf8_lossy(&told);
    let whole = format!("{told} at http://127.0.0.1:{port}{}", head.uri.path());
    heads.lock().unwrap().push(head.headers);
    Ok(Response::new(Full::new(whole.into())))
}
