//! One client for a whole test program, as a `static` is, and tests that each have a runtime of their
//! own, of either kind, at the same time and one after the other. Whichever is first ends while others
//! are in the middle of something (M4).

#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;
use std::time::Duration;

use http::{Method, Request, StatusCode, Uri};
use http_body_util::BodyExt;
use keepalive::Manager;
use keepalive_http::{Client, Http};
use keepalive_testkit::http_server::{Server, ok};
use tokio::task::JoinSet;
use tokio::time::timeout;

static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    let manager = Manager::builder().max_per_host(8).connector(Http::new());
    Client::new(manager.build().unwrap())
});

/// The port of a server that all tests use. It has a thread of its own.
static SHARED: LazyLock<u16> = LazyLock::new(|| Server::on_a_thread(serve));

/// Answers each request, after a moment, with the first line of its head.
fn serve(server: Server) {
    server.each(|mut peer| async move {
        while let Some(head) = peer.head().await {
            tokio::time::sleep(Duration::from_millis(3)).await;
            let line = head.lines().next().unwrap();
            if peer.try_send(&ok(line)).await.is_err() {
                return;
            }
        }
    });
}

async fn exchange(method: Method, port: u16, name: String) {
    let uri: Uri = format!("http://127.0.0.1:{port}/{name}").parse().unwrap();
    let line = format!("{method} {} HTTP/1.1", uri.path());
    let request = Request::builder().method(method).uri(uri);
    let request = CLIENT.request(request.body(String::new()).unwrap());
    let response = timeout(Duration::from_secs(10), request).await;
    let response = response.expect("nothing hangs").expect("nothing is lost");
    assert_eq!(response.status(), StatusCode::OK);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, line.as_bytes());
}

/// The work of each test: some exchanges with a server of its own and with the shared one.
async fn use_the_client(test: usize) {
    let server = Server::start().await;
    let own = server.port();
    serve(server);
    let mut exchanges = JoinSet::new();
    for task in 0..4 {
        exchanges.spawn(async move {
            for round in 0..4 {
                let port = if (task + round) % 2 == 0 {
                    own
                } else {
                    *SHARED
                };
                let method = if round == 3 {
                    Method::POST
                } else {
                    Method::GET
                };
                exchange(method, port, format!("{test}/{task}/{round}")).await;
            }
        });
    }
    exchanges.join_all().await;
}

macro_rules! tests {
    ($($name:ident $number:literal)*) => {
        mod on_one_thread {
            $(
                #[tokio::test]
                async fn $name() {
                    super::use_the_client($number).await;
                }
            )*
        }
        mod on_threads {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::use_the_client(100 + $number).await;
                }
            )*
        }
    };
}

tests! {
    a_client_of_all_01 1 a_client_of_all_02 2 a_client_of_all_03 3 a_client_of_all_04 4
    a_client_of_all_05 5 a_client_of_all_06 6 a_client_of_all_07 7 a_client_of_all_08 8
    a_client_of_all_09 9 a_client_of_all_10 10 a_client_of_all_11 11 a_client_of_all_12 12
    a_client_of_all_13 13 a_client_of_all_14 14 a_client_of_all_15 15 a_client_of_all_16 16
    a_client_of_all_17 17 a_client_of_all_18 18 a_client_of_all_19 19 a_client_of_all_20 20
    a_client_of_all_21 21 a_client_of_all_22 22 a_client_of_all_23 23 a_client_of_all_24 24
    a_client_of_all_25 25
}
