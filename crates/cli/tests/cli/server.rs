//! An HTTP/1.1 server whose response depends on the path.

use std::io;
use std::mem;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use keepalive_testkit::http_server::{self, Peer, ok};
use socket2::{Domain, Socket, Type};

/// The length of the body of `/long`: more than a pipe and a socket hold.
pub(crate) const LONG: usize = 16 * 1024 * 1024;

/// Runs until the test ends.
pub(crate) struct Server {
    address: &'static str,
    port: u16,
    seen: Arc<Mutex<Seen>>,
    hung: Receiver<()>,
}

#[derive(Default)]
struct Seen {
    paths: Vec<String>,
    connections: usize,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::listening("127.0.0.1")
    }

    /// Starts on an address that may stand for many.
    pub(crate) fn listening(address: &'static str) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (hangs, hung) = mpsc::channel();
        let shared = Arc::clone(&seen);
        let port = http_server::Server::on_a_thread_at(address, |server| {
            server.each(move |peer| {
                shared.lock().unwrap().connections += 1;
                serve(peer, Arc::clone(&shared), hangs.clone())
            });
        });
        Self {
            address,
            port,
            seen,
            hung,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}:{}{path}", self.address, self.port)
    }

    /// The requested paths so far, sorted.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths = self.seen.lock().unwrap().paths.clone();
        paths.sort();
        paths
    }

    /// The number of connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    /// Waits until a request hangs.
    pub(crate) fn wait_for_a_hang(&self) {
        let limit = Duration::from_secs(30);
        self.hung.recv_timeout(limit).expect("a request that hangs");
    }
}

/// A server that accepts connections, and sends nothing by itself; and its port.
pub(crate) fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Serves each connection on a thread of its own, and returns the port.
pub(crate) fn on_each_connection(
    serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> u16 {
    let (listener, port) = silent();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let serve = Arc::clone(&serve);
            // A client that disconnects is no failure of the server.
            thread::spawn(move || serve(stream?));
        }
    });
    port
}

/// A URL that refuses the connection.
pub(crate) fn refusing_url() -> String {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket
        .bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into())
        .unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    // Bound and not listening: no server of another test gets the port while the tests run.
    mem::forget(socket);
    format!("http://{address}/")
}

async fn serve(mut peer: Peer, seen: Arc<Mutex<Seen>>, hangs: Sender<()>) {
    let mut served = 0;
    while let Some(head) = peer.head().await {
        served += 1;
        let path = head.split(' ').nth(1).unwrap();
        seen.lock().unwrap().paths.push(path.to_owned());
        let answer = match path {
            "/missing" => ok("nothing here").replace("200 OK", "404 Not Found"),
            // Closes a reused connection, as a server does at its idle timeout.
            "/once" if served > 1 => return,
            "/cut" => "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ntoo short".to_owned(),
            "/long" => ok(&"x".repeat(LONG)),
            "/hang" => String::new(),
            "/hang-in-body" => "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_owned(),
            _ => ok("hello"),
        };
        // A client that disconnects is no failure of the server.
        if peer.try_send(&answer).await.is_err() || path == "/cut" {
            return;
        }
        if path.starts_with("/hang") {
            // The test may not wait for it. The connection stays open until the client closes it.
            let _ = hangs.send(());
        }
    }
}
