//! What is open as soon as it is asked for is opened by whoever asks; what is not goes on in a
//! task, and nobody sees a difference.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use keepalive::{
    Attempt, ConnectError, Connection, Connector, ErrorKind, Host, Manager, Net, NetStream, Phase,
    Request, Unusable,
};
use socket2::{Domain, Socket, Type};
use tokio::io::AsyncWriteExt;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

use crate::support::{Server, echo, error, run};

/// Connects at once, and does what the scheme says before it.
#[derive(Clone, Default)]
struct Prompt {
    begun: Arc<AtomicUsize>,
}

impl Connector for Prompt {
    type Connection = NetStream;

    async fn connect(&self, attempt: &Attempt) -> Result<NetStream, ConnectError> {
        self.begun.fetch_add(1, SeqCst);
        attempt.enter(Phase::Connect);
        match attempt.host().scheme() {
            "slow" => {
                yield_now().await;
                attempt.enter(Phase::Tls);
                sleep(Duration::from_millis(20)).await;
            }
            "fails" => return Err(ConnectError::new("dial", "as planned")),
            "panics" => panic!("as planned"),
            _ => {}
        }
        Net::new().connect(attempt).await
    }

    fn is_prompt(&self, host: &Host) -> bool {
        assert_ne!(host.scheme(), "shy", "as planned");
        true
    }
}

fn manager(prompt: &Prompt) -> Manager<Prompt> {
    let manager = Manager::builder().connector(prompt.clone());
    manager.max_open(1).build().expect("the settings can work")
}

fn request(scheme: &str, server: &Server) -> Request {
    Request::new(scheme, "127.0.0.1", server.port()).expect("a request")
}

#[test]
fn a_connection_to_the_machine_itself_is_there_before_it_is_awaited() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        // The kernel may be late, but not always.
        let mut tries = 0..100;
        let at_once = tries.any(|_| {
            let pending = manager.allocate(server.request());
            pending.waiting().is_none()
        });
        assert!(at_once);
        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "it works").await;
    });
}

#[test]
fn a_unix_socket_is_there_before_it_is_awaited() {
    run(async || {
        let name = format!("keepalive-prompt-{}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listener = UnixListener::bind(&path).unwrap();
        let manager = Manager::new();
        let pending = manager.allocate(Request::unix(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(pending.waiting().is_none());
        let mut lease = pending.await.unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        lease.write_all(b"x").await.unwrap();
        peer.read_exact(&mut [0]).unwrap();
    });
}

#[test]
fn an_attempt_that_has_to_wait_goes_on() {
    run(async || {
        let (server, prompt) = (Server::start(), Prompt::default());
        let manager = manager(&prompt);
        let pending = manager.allocate(request("slow", &server));
        assert_eq!(manager.totals().connecting, 1);
        let mut lease = pending.await.unwrap();
        assert!(lease.timing().tls >= Duration::from_millis(20));
        assert!(lease.timing().connect > Duration::ZERO);
        assert_eq!(prompt.begun.load(SeqCst), 1);
        echo(&mut lease, "it works").await;
    });
}

#[test]
fn an_attempt_that_has_to_wait_can_be_withdrawn() {
    run(async || {
        let (server, prompt) = (Server::start(), Prompt::default());
        let manager = manager(&prompt);
        drop(manager.allocate(request("slow", &server)));
        let lease = manager.allocate(request("other", &server)).await.unwrap();
        lease.free();
        assert_eq!(manager.totals().opened, 1);
    });
}

#[test]
fn an_error_or_a_panic_is_there_before_it_is_awaited() {
    run(async || {
        let (server, prompt) = (Server::start(), Prompt::default());
        let manager = manager(&prompt);
        let pending = manager.allocate(request("fails", &server));
        assert!(pending.waiting().is_none());
        let failed = error(pending.await);
        assert_eq!(
            (failed.kind(), failed.function()),
            (ErrorKind::Connect, "dial")
        );
        assert_eq!(prompt.begun.load(SeqCst), 1);
        let panicked = error(manager.allocate(request("panics", &server)).await);
        assert_eq!(panicked.error_str(), "the connector panicked");
        assert_eq!(manager.totals().open, 0);
        let mut lease = manager.allocate(request("shy", &server)).await.unwrap();
        echo(&mut lease, "the slot is free").await;
    });
}

#[test]
fn a_listener_that_is_full_is_waited_for() {
    run(async || {
        let (listener, address) = full_listener();
        let manager = Manager::new();
        let request = Request::new("full", "127.0.0.1", address.port()).unwrap();
        let pending = manager.allocate(request);
        assert!(pending.waiting().is_some());
        listener.accept().unwrap();
        listener.accept().unwrap();
        let lease = timeout(Duration::from_secs(20), pending)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(lease.as_tcp().unwrap().peer_addr().unwrap(), address);
    });
}

/// With the connections that wait in it.
fn full_listener() -> (TcpListener, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a listener");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).expect("a listener");
    socket.listen(1).expect("a listener");
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().expect("a listener");
    for _ in 0..2 {
        TcpStream::connect(address).expect("a listener");
    }
    (listener, address)
}

/// Needs no network.
struct Thin;

impl Connector for Thin {
    type Connection = Self;

    async fn connect(&self, _: &Attempt) -> Result<Self, ConnectError> {
        Ok(Self)
    }

    fn is_prompt(&self, _: &Host) -> bool {
        true
    }
}

impl Connection for Thin {
    fn poll_unusable(&mut self, _: &mut Context<'_>) -> Poll<Unusable> {
        Poll::Pending
    }

    fn check(&mut self) -> Result<(), Unusable> {
        Ok(())
    }
}

#[test]
fn who_opens_one_after_the_other_makes_way() {
    run(async || {
        let manager = Manager::builder().connector(Thin).build().unwrap();
        let request = Request::new("thin", "127.0.0.1", 1).unwrap();
        let met = Arc::new(AtomicBool::new(false));
        let other = Arc::clone(&met);
        let task = tokio::spawn(async move {
            let begun = Instant::now();
            while !other.load(SeqCst) {
                manager.lease(&request).await.unwrap().close();
                assert!(begun.elapsed() < Duration::from_secs(5));
            }
        });
        yield_now().await;
        met.store(true, SeqCst);
        task.await.unwrap();
    });
}

#[test]
fn where_attempts_are_bounded_it_needs_none_either() {
    run(async || {
        let manager = Manager::builder().connector(Thin).max_connecting(1).build();
        let manager = manager.unwrap();
        let pending = manager.allocate(Request::new("thin", "127.0.0.1", 1).unwrap());
        assert!(pending.waiting().is_none());
        pending.await.unwrap().free();
    });
}
