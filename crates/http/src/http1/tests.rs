//! An HTTP/1.1 connection against a peer on a socket of its own.

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::sync::Arc;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::*;

#[tokio::test]
async fn an_idle_connection_notices_a_close_a_reset_and_a_byte_that_nobody_asked_for() {
    for (what, expected) in [
        ("close", "Closed"),
        ("reset", "ConnectionReset"),
        ("byte", "UnexpectedData"),
    ] {
        let (mut connection, mut peer, _alive) = connected().await;
        let _peer = match what {
            "byte" => {
                peer.write_all(b"H").await.unwrap();
                Some(peer)
            }
            "reset" => {
                peer.set_zero_linger().unwrap();
                drop(peer);
                None
            }
            _ => {
                drop(peer);
                None
            }
        };
        let reason = poll_fn(|cx| connection.poll_unusable(cx)).await;
        assert!(
            format!("{reason:?}").contains(expected),
            "{what}: {reason:?}"
        );
        if let Unusable::Failed(error) = reason {
            assert!(error.raw_os_error().is_some(), "{what}");
        }
        assert!(connection.check().is_err(), "{what}");
    }
}

// Nothing is awaited between the peer's byte and the check, so only the system can know of the
// byte.
#[tokio::test]
async fn a_check_of_a_connection_asks_the_system() {
    let (mut connection, mut peer, _alive) = connected().await;
    connection.check().unwrap();
    let sent = peer.write_all(b"H");
    let mut sent = std::pin::pin!(sent);
    let done = sent
        .as_mut()
        .poll(&mut Context::from_waker(std::task::Waker::noop()));
    assert!(done.is_ready());
    assert!(connection.check().is_err());
}

#[tokio::test]
async fn a_closed_connection_has_let_go_of_its_socket() {
    let (mut connection, mut peer, alive) = connected().await;
    poll_fn(|cx| connection.poll_close(cx)).await;
    assert_eq!(Arc::strong_count(&alive), 1);
    assert_eq!(peer.read(&mut [0]).await.unwrap(), 0);
    poll_fn(|cx| connection.poll_close(cx)).await;
    assert!(connection.check().is_err());
}

#[tokio::test]
async fn a_dropped_connection_has_let_go_of_its_socket() {
    let (connection, _peer, alive) = connected().await;
    drop(connection);
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[tokio::test]
async fn a_connection_is_ready_again_after_an_exchange() {
    let (mut connection, mut peer, _alive) = connected().await;
    for _ in 0..2 {
        let answer = answer(&mut peer, b"HTTP/1.1 204 No Content\r\n\r\n");
        let (response, ()) = tokio::join!(connection.send(get), answer);
        assert_eq!(response.unwrap().status(), 204);
        assert!(poll_fn(|cx| connection.poll_ready(cx)).await);
        connection.check().unwrap();
    }
}

#[tokio::test]
async fn a_connection_is_not_ready_after_a_byte_too_many() {
    let (mut connection, mut peer, _alive) = connected().await;
    let answer = answer(&mut peer, b"HTTP/1.1 204 No Content\r\n\r\nH");
    let (response, ()) = tokio::join!(connection.send(get), answer);
    assert_eq!(response.unwrap().status(), 204);
    assert!(!poll_fn(|cx| connection.poll_ready(cx)).await);
}

/// A waker keeps the memory of its task, also of one that has finished.
#[tokio::test]
async fn an_idle_connection_keeps_no_waker_of_its_last_user() {
    for by_hyper in [false, true] {
        let (mut connection, mut peer, _alive) = connected().await;
        let user = Arc::new(User(std::sync::Mutex::default()));
        let served = async {
            if by_hyper {
                return connection.send(get).await.unwrap();
            }
            let head = Request::get("http://h.test/")
                .body(())
                .unwrap()
                .into_parts()
                .0;
            let body = Outgoing::new(String::new());
            let exchange = Exchange::new(head, &body).unwrap();
            assert!(connection.begin(&exchange, &body));
            connection.respond(&Method::GET).await.unwrap()
        };
        let answer = answer(&mut peer, b"HTTP/1.1 204 No Content\r\n\r\n");
        let (response, ()) = tokio::join!(user.poll(served), answer);
        assert_eq!(response.status(), 204);
        let ready = poll_fn(|cx| connection.poll_ready(cx));
        assert!(user.poll(ready).await);
        assert_eq!(Arc::strong_count(&user), 1, "by hyper: {by_hyper}");
    }
}

/// Counts its wakers.
struct User(std::sync::Mutex<Option<std::task::Waker>>);

impl User {
    async fn poll<F: Future>(self: &Arc<Self>, future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        poll_fn(|cx| {
            *self.0.lock().unwrap() = Some(cx.waker().clone());
            let waker = std::task::Waker::from(Arc::clone(self));
            future.as_mut().poll(&mut Context::from_waker(&waker))
        })
        .await
    }
}

impl std::task::Wake for User {
    fn wake(self: Arc<Self>) {
        if let Some(waker) = self.0.lock().unwrap().take() {
            waker.wake();
        }
    }
}

#[tokio::test]
async fn a_request_that_never_left_is_told_apart() {
    let (mut connection, peer, _alive) = connected().await;
    drop(peer);
    poll_fn(|cx| connection.poll_unusable(cx)).await;
    let failure = connection.send(get).await.unwrap_err();
    assert!(failure.unsent.is_some());
}

#[tokio::test]
async fn a_byte_of_an_answer_is_told_apart_from_none() {
    for (bytes, expected) in [
        (&b""[..], Failure::Silent),
        (b"H", Failure::Partial),
        (b"HTTP/1.1 200 OK\r\n", Failure::Partial),
    ] {
        let (mut connection, mut peer, _alive) = connected().await;
        let answer = async {
            answer(&mut peer, bytes).await;
            peer.shutdown().await.unwrap();
        };
        let (response, ()) = tokio::join!(connection.send(get), answer);
        let unanswered = response.unwrap_err();
        assert_eq!(unanswered.failure, expected);
        assert!(unanswered.unsent.is_none());
    }
}

// The byte arrives at any step of a request.
#[test]
fn a_request_that_meets_the_end_of_its_connection_is_no_hang() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let meet = async |spins: u32| {
        let (tcp, mut peer) = transport().await;
        peer.write_all(b"!").await.unwrap();
        let mut connection = Http1::open(tcp, &Options::default()).await.unwrap();
        for _ in 0..spins {
            std::hint::spin_loop();
        }
        let send = connection.send(get);
        let answer = tokio::time::timeout(std::time::Duration::from_secs(5), send).await;
        assert!(answer.expect("it ends").is_err());
    };
    // Outside the runtime, so that its reactor runs on another thread.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..4000).for_each(|turn| runtime.block_on(meet(turn % 400))));
        }
    });
}

fn get() -> Request<Outgoing> {
    let request = Request::get("/").header("host", "h.test");
    request.body(Outgoing::new(String::new())).unwrap()
}

/// Reads a request, and answers it.
async fn answer(peer: &mut TcpStream, bytes: &[u8]) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(peer.read_u8().await.unwrap());
    }
    peer.write_all(bytes).await.unwrap();
}

/// A connection, its peer, and a count: 2 as long as the connection has its socket.
async fn connected() -> (Http1<Tcp>, TcpStream, Arc<()>) {
    let (tcp, peer) = transport().await;
    let alive = Arc::clone(&tcp.1);
    (
        Http1::open(tcp, &Options::default()).await.unwrap(),
        peer,
        alive,
    )
}

async fn transport() -> (Tcp, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (peer, _) = listener.accept().await.unwrap();
    (Tcp(stream, Arc::new(())), peer)
}

struct Tcp(TcpStream, Arc<()>);

impl Connection for Tcp {
    fn poll_unusable(&mut self, cx: &mut Context<'_>) -> Poll<Unusable> {
        let mut byte = [MaybeUninit::uninit()];
        let peeked = ready!(self.0.poll_peek(cx, &mut ReadBuf::uninit(&mut byte)));
        Poll::Ready(match peeked {
            Err(error) => Unusable::Failed(error),
            Ok(0) => Unusable::Closed,
            Ok(_) => Unusable::UnexpectedData,
        })
    }

    fn check(&mut self) -> Result<(), Unusable> {
        match SockRef::from(&self.0).peek(&mut [MaybeUninit::uninit()]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(Unusable::Failed(error)),
            Ok(0) => Err(Unusable::Closed),
            Ok(_) => Err(Unusable::UnexpectedData),
        }
    }
}

keepalive_testkit::forward_io!(Tcp, 0);
