//! A NAT forgets an idle connection, or a peer loses its power: no packet arrives, not even a
//! reset. The times are the defaults of `TcpOptions`.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use keepalive::Manager;
use keepalive_http::{Client, Http};
use keepalive_testkit::net::namespace::{Firewall, in_a_namespace};
use keepalive_testkit::wait::holds_within;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use crate::http2::crowd::Crowd;
use crate::support::{Server, allocation, ok, text};

/// The system gives up after 30 s, and has some slack.
const LIMIT: Duration = Duration::from_secs(40);

#[test]
fn the_next_get_on_a_connection_that_was_cut_is_answered_by_another() {
    in_a_namespace(|firewall| {
        run(async {
            let mut site = Site::start().await;
            let cut = site.idle_connection_cut_by(firewall).await;
            let began = Instant::now();
            let response = timeout(LIMIT, site.client.get(site.uri())).await;
            let response = response.expect("seconds, not minutes").unwrap();
            assert!(began.elapsed() > Duration::from_secs(5), "it was cut");
            assert_eq!(allocation(&response).resent, 1);
            assert_eq!(text(response).await, "here");
            let other = site.clients.recv().await.expect("the server goes on");
            assert_ne!(other, cut);
        });
    });
}

#[test]
fn an_idle_connection_that_was_cut_is_closed_without_a_request() {
    in_a_namespace(|firewall| {
        run(async {
            let mut site = Site::start().await;
            site.idle_connection_cut_by(firewall).await;
            let manager = site.client.manager();
            assert_eq!(manager.totals().idle, 1, "nobody has said anything");
            assert!(holds_within(LIMIT, || manager.totals().open == 0).await);
            assert_eq!(manager.totals().closed_by_peer, 1);
        });
    });
}

/// A cut HTTP/2 connection costs its pending exchanges as few seconds as it costs the next one.
#[test]
fn a_cut_connection_of_http_2_is_replaced_in_seconds_idle_or_busy() {
    in_a_namespace(|firewall| {
        run(async {
            tokio::join!(cut_of_http2(firewall, false), cut_of_http2(firewall, true));
        });
    });
}

async fn cut_of_http2(firewall: &Firewall, is_busy: bool) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let crowd = Crowd::allowing(10);
    let client = patient(Http::new().http2_only());
    let get = || tokio::spawn(client.get(format!("http://{server}/")));
    let first = get();
    let (stream, cut) = listener.accept().await.unwrap();
    tokio::spawn(crowd.clone().serve(stream));
    first.await.unwrap().unwrap();
    assert_eq!(client.manager().totals().idle, 1);
    crowd.answer(false);
    let mut asked = Vec::new();
    if is_busy {
        asked.push(get());
        crowd.until_asked(2).await;
    }
    firewall.cut(cut, server);
    crowd.answer(true);
    asked.push(get());
    let began = Instant::now();
    let (stream, other) = timeout(LIMIT, listener.accept()).await.unwrap().unwrap();
    assert_ne!(other, cut);
    tokio::spawn(crowd.serve(stream));
    for asked in asked {
        let response = timeout(LIMIT, asked).await.unwrap().unwrap().unwrap();
        assert_eq!(allocation(&response).resent, 1);
    }
    let took = began.elapsed();
    assert!((5..40).contains(&took.as_secs()), "{took:?}");
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(test);
}

/// A client that keeps its connections for long.
fn patient(http: Http) -> Client {
    let manager = Manager::builder().keep_alive(Duration::from_secs(600));
    Client::new(manager.connector(http).build().unwrap())
}

/// A server that answers whatever comes, and a client.
struct Site {
    server: SocketAddr,
    /// The client's address of each accepted connection.
    clients: UnboundedReceiver<SocketAddr>,
    client: Client,
}

impl Site {
    async fn start() -> Self {
        let server = Server::start().await;
        let address = SocketAddr::from(([127, 0, 0, 1], server.port()));
        let (sender, clients) = unbounded_channel();
        server.each(move |mut peer| {
            let client = peer.address();
            sender.send(client).expect("the test goes on");
            async move {
                while peer.head().await.is_some() {
                    peer.send(&ok("here")).await;
                }
            }
        });
        Self {
            server: address,
            clients,
            client: patient(Http::new()),
        }
    }

    fn uri(&self) -> http::Uri {
        format!("http://{}/", self.server).parse().unwrap()
    }

    /// Has a connection opened and left idle, then cut. Answers from where it comes.
    async fn idle_connection_cut_by(&mut self, firewall: &Firewall) -> SocketAddr {
        let response = self.client.get(self.uri()).await.unwrap();
        assert_eq!(text(response).await, "here");
        let client = self.clients.recv().await.expect("one");
        assert_eq!(self.client.manager().totals().idle, 1);
        firewall.cut(client, self.server);
        client
    }
}
