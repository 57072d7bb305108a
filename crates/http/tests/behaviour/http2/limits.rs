//! H9, W1: a server may send its limit of streams late, allow few or none, and change the limit.
//! The client keeps the limit, loses no request, and opens no storm of connections. A request
//! without a place waits and reports why.

#![allow(clippy::unwrap_used)]

use std::pin::Pin;
use std::time::Duration;

use keepalive::{AllocateError, Connector, Counts, Manager, Reason};
use keepalive_http::{Client, Http};
use tokio::task::JoinSet;
#[cfg(feature = "legacy")]
use {
    http_body_util::Empty, hyper::body::Bytes, hyper_util::client::legacy::connect::HttpConnector,
    hyper_util::rt::TokioExecutor, keepalive_http::legacy,
};

use super::limited::Limited;
use crate::support::{eventually, within};

const REQUESTS: usize = 20;
pub(super) const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn settings_that_come_late_open_one_connection_and_lose_no_request() {
    for cell in cells() {
        let (server, user, before) = cell.before(None, LONG).await;
        let asked = user.ask(REQUESTS);
        // One request leaves before the limit is known; its answer is late too.
        server.until(|seen| seen.asked == before + 1).await;
        user.waiting(REQUESTS - 1).await;
        assert_eq!(user.reason(), Some(Reason::PeerLimit), "{cell:?}");
        assert_eq!(user.totals().open, 1, "{cell:?}");
        server.allow(100);
        all(asked).await;
        let seen = server.seen();
        assert_eq!(seen.connections, before + 1, "{cell:?}");
        assert_eq!((seen.rude, seen.refused), (0, 0), "{cell:?} {seen:?}");
    }
}

#[tokio::test]
async fn a_limit_of_two_streams_holds_on_each_connection() {
    for cell in cells() {
        let (server, user) = cell.start(Some(2), LONG).await;
        let before = cell.warm(&server, &user).await;
        server.answer(false);
        let asked = user.ask(REQUESTS);
        let connections = cell.max_per_host.min(REQUESTS / 2);
        let places = 2 * connections;
        server.until(|seen| seen.asked == before + places).await;
        user.waiting(REQUESTS - places).await;
        let (in_use, max) = (connections, cell.max_per_host);
        let full = Reason::HostLimit { in_use, max };
        assert_eq!(user.reason(), Some(full), "{cell:?}");
        server.answer(true);
        all(asked).await;
        let seen = server.seen();
        assert_eq!((seen.connections, seen.most), (connections, 2), "{cell:?}");
        assert_eq!((seen.rude, seen.refused), (0, 0), "{cell:?} {seen:?}");
    }
}

/// The server refuses a request sent before the limit is known, and the client sends it again.
#[tokio::test]
async fn a_limit_of_no_streams_from_the_start_is_waited_out() {
    for cell in cells() {
        let (server, user, before) = cell.before(Some(0), LONG).await;
        let asked = user.ask(REQUESTS);
        server.until(|seen| seen.refused == 1).await;
        user.waiting(REQUESTS).await;
        assert_eq!(user.reason(), Some(Reason::PeerLimit), "{cell:?}");
        assert_eq!(user.totals().open, 1, "{cell:?}");
        server.allow(10);
        all(asked).await;
        let seen = server.seen();
        assert_eq!(seen.asked, before + REQUESTS, "{cell:?}");
        assert_eq!((seen.rude, seen.refused), (0, 1), "{cell:?} {seen:?}");
        let connections = before + cell.max_per_host.min(REQUESTS / 10);
        assert!(seen.connections <= connections, "{cell:?} {seen:?}");
    }
}

#[tokio::test]
async fn a_limit_of_no_streams_until_the_deadline_is_an_error_that_names_it() {
    // All at the same time, for each takes as long as the deadline.
    let cells: JoinSet<()> = cells().into_iter().map(late).collect();
    cells.join_all().await;

    async fn late(cell: Cell) {
        let (server, user, before) = cell.before(Some(0), Duration::from_secs(1)).await;
        let mut asked = user.ask(REQUESTS);
        while let Some(late) = within(asked.join_next()).await {
            let late = late.unwrap().unwrap_err();
            let (text, reason) = late;
            assert_eq!(reason, Some(Reason::PeerLimit), "{cell:?} {text}");
            let why = "the peer allows no more requests on a connection";
            assert!(text.contains(why), "{text}");
        }
        let seen = server.seen();
        assert_eq!(
            (seen.asked, seen.connections),
            (before, before + 1),
            "{cell:?}"
        );
        server.allow(10);
        eventually("it is heard", || user.reason().is_none()).await;
        all(user.ask(REQUESTS)).await;
    }
}

#[tokio::test]
async fn a_limit_that_falls_from_a_hundred_to_none_lets_exchanges_end_and_others_wait() {
    const STREAMS: usize = 100;
    const MORE: usize = 30;
    for cell in cells() {
        let (server, user) = cell.start(Some(100), LONG).await;
        let before = cell.warm(&server, &user).await;
        server.answer(false);
        let places = STREAMS * cell.max_per_host;
        let mut asked = user.ask(places + MORE);
        server.until(|seen| seen.asked == before + places).await;
        user.waiting(MORE).await;
        server.allow(0);
        eventually("it is heard", || user.reason() == Some(Reason::PeerLimit)).await;
        server.answer(true);
        for _ in 0..places {
            within(asked.join_next()).await.unwrap().unwrap().unwrap();
        }
        eventually("nobody has one", || user.totals().leased == 0).await;
        assert_eq!(user.reason(), Some(Reason::PeerLimit), "{cell:?}");
        assert_eq!(server.seen().asked, before + places, "{cell:?}");
        user.waiting(MORE).await;
        server.allow(7);
        all(asked).await;
        let seen = server.seen();
        assert_eq!(seen.connections, cell.max_per_host, "{cell:?} {seen:?}");
        assert_eq!((seen.rude, seen.refused), (0, 0), "{cell:?} {seen:?}");
    }
}

/// A request may leave as the limit falls. It is refused, and sent again when there is room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_falls_and_rises_under_way_loses_no_request() {
    for cell in cells() {
        let (server, user) = cell.start(Some(5), LONG).await;
        let mut asked = user.ask(300);
        for round in 1..6 {
            server.until(|seen| seen.answered >= 40 * round).await;
            server.allow(0);
            eventually("it is heard", || user.reason() == Some(Reason::PeerLimit)).await;
            server.allow(if round % 2 == 0 { 1 } else { 20 });
        }
        while let Some(answer) = within(asked.join_next()).await {
            answer.unwrap().unwrap();
        }
        let seen = server.seen();
        assert_eq!((seen.answered, seen.rude), (300, 0), "{cell:?} {seen:?}");
        assert!(seen.connections <= cell.max_per_host, "{cell:?} {seen:?}");
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    is_legacy: bool,
    pub(super) is_warm: bool,
    max_per_host: usize,
}

fn cells() -> Vec<Cell> {
    cells_of(&[1, 6])
}

/// Each client, warm or not, with each of these limits per host.
pub(super) fn cells_of(limits: &[usize]) -> Vec<Cell> {
    let mut cells = Vec::new();
    let clients = 1 + usize::from(cfg!(feature = "legacy"));
    for is_legacy in [false, true].into_iter().take(clients) {
        for is_warm in [false, true] {
            for &max_per_host in limits {
                cells.push(Cell {
                    is_legacy,
                    is_warm,
                    max_per_host,
                });
            }
        }
    }
    cells
}

impl Cell {
    async fn start(self, streams: Option<u32>, timeout: Duration) -> (Limited, User) {
        let server = Limited::start(streams).await;
        let user = User::new(self, server.port(), timeout);
        (server, user)
    }

    /// Where a server is to begin with this. The client is warm if it has had another connection to
    /// it. Answers, beside the two, how many requests there were.
    async fn before(self, streams: Option<u32>, timeout: Duration) -> (Limited, User, usize) {
        if !self.is_warm {
            let (server, user) = self.start(streams, timeout).await;
            return (server, user, 0);
        }
        let (server, user) = self.start(Some(10), timeout).await;
        self.warm(&server, &user).await;
        server.be_silent();
        server.goaway();
        eventually("none is left", || user.totals().open == 0).await;
        if let Some(streams) = streams {
            server.allow(streams);
        }
        (server, user, 1)
    }

    /// One request, if the client is to be warm. Answers how many there were.
    async fn warm(self, server: &Limited, user: &User) -> usize {
        if self.is_warm {
            all(user.ask(1)).await;
            eventually("it is free", || user.totals().leased == 0).await;
        }
        assert_eq!(server.seen().answered, usize::from(self.is_warm));
        usize::from(self.is_warm)
    }
}

pub(super) type Answers = JoinSet<Result<(), Lost>>;

/// The error, and the reason for the wait.
pub(super) type Lost = (String, Option<Reason>);

pub(super) async fn all(mut asked: Answers) {
    while let Some(answer) = within(asked.join_next()).await {
        answer.unwrap().unwrap();
    }
}

/// One of the clients that there are.
pub(super) enum User {
    Own(Client, u16),
    #[cfg(feature = "legacy")]
    Legacy(legacy::Client<HttpConnector, Empty<Bytes>>, u16),
}

impl User {
    pub(super) fn new(cell: Cell, port: u16, timeout: Duration) -> Self {
        #[cfg(feature = "legacy")]
        if cell.is_legacy {
            let mut builder = legacy::Client::builder(TokioExecutor::new());
            builder.max_per_host(cell.max_per_host).timeout(timeout);
            return Self::Legacy(builder.http2_only(true).build_http(), port);
        }
        assert!(!cell.is_legacy, "it is returned above");
        let builder = Manager::builder().max_per_host(cell.max_per_host);
        let builder = builder.timeout(timeout).connector(Http::new().http2_only());
        Self::Own(Client::new(builder.build().unwrap()), port)
    }

    /// So many requests, each in a task of its own.
    pub(super) fn ask(&self, requests: usize) -> Answers {
        (0..requests).map(|_| self.get()).collect()
    }

    fn get(&self) -> Pin<Box<dyn Future<Output = Result<(), Lost>> + Send>> {
        match self {
            Self::Own(client, port) => {
                let asked = client.get(format!("http://127.0.0.1:{port}/"));
                Box::pin(async move {
                    let lost = |error: keepalive_http::Error| lost(&error, error.allocate());
                    asked.await.map(drop).map_err(lost)
                })
            }
            #[cfg(feature = "legacy")]
            Self::Legacy(client, port) => {
                let asked = client.get(format!("http://127.0.0.1:{port}/").parse().unwrap());
                Box::pin(async move {
                    let lost = |error: legacy::Error| match error.allocate() {
                        Some(why) => lost(why, Some(why)),
                        None => lost(&error, None),
                    };
                    asked.await.map(drop).map_err(lost)
                })
            }
        }
    }

    fn totals(&self) -> Counts {
        match self {
            Self::Own(client, _) => client.manager().totals(),
            #[cfg(feature = "legacy")]
            Self::Legacy(client, _) => client.manager().map(Manager::totals).unwrap_or_default(),
        }
    }

    /// Until so many wait for a connection.
    async fn waiting(&self, requests: usize) {
        let what = format!("{requests} wait");
        eventually(&what, || self.totals().waiting == requests).await;
    }

    /// The reason for which one more request would wait.
    fn reason(&self) -> Option<Reason> {
        match self {
            Self::Own(client, port) => reason(client.manager(), *port),
            #[cfg(feature = "legacy")]
            Self::Legacy(client, port) => reason(client.manager().unwrap(), *port),
        }
    }
}

fn reason<C: Connector>(manager: &Manager<C>, port: u16) -> Option<Reason> {
    let request = keepalive::Request::new("http", "127.0.0.1", port).unwrap();
    let waits = manager.allocate(request);
    waits.waiting().map(|waiting| waiting.reason())
}

fn lost(error: &dyn std::error::Error, manager: Option<&AllocateError>) -> Lost {
    let waiting = manager.and_then(AllocateError::waiting);
    (error.to_string(), waiting.map(|waiting| waiting.reason()))
}
