//! An HTTP/1.1 server whose response depends on the path, with a thread for each connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::mem;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// The length of the body of `/long`: more than a pipe and a socket hold.
pub(crate) const LONG: usize = 16 * 1024 * 1024;

/// Runs until the test ends.
pub(crate) struct Server {
    address: SocketAddr,
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
    pub(crate) fn listening(address: &str) -> Self {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (hangs, hung) = mpsc::channel();
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming() {
                shared.lock().unwrap().connections += 1;
                let (shared, hangs) = (Arc::clone(&shared), hangs.clone());
                // A client that disconnects is no failure of the server.
                thread::spawn(move || serve(stream?, &shared, &hangs));
            }
        });
        Self {
            address,
            seen,
            hung,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
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

/// Serves each connection on a thread of its own, and returns the port.
pub(crate) fn on_each_connection(
    serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
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

fn serve(mut stream: TcpStream, seen: &Mutex<Seen>, hangs: &Sender<()>) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut served = 0;
    while let Some(path) = request(&mut reader)? {
        served += 1;
        seen.lock().unwrap().paths.push(path.clone());
        match path.as_str() {
            "/missing" => answer(&mut stream, "404 Not Found", "nothing here")?,
            // Closes a reused connection, as a server does at its idle timeout.
            "/once" if served > 1 => return Ok(()),
            "/cut" => {
                let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ntoo short";
                return stream.write_all(head);
            }
            "/long" => answer(&mut stream, "200 OK", &"x".repeat(LONG))?,
            "/hang" | "/hang-in-body" => {
                if path == "/hang-in-body" {
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")?;
                }
                // The test may not wait for it.
                let _ = hangs.send(());
                // The connection stays open until the client closes it.
                reader.read_to_end(&mut Vec::new())?;
            }
            _ => answer(&mut stream, "200 OK", "hello")?,
        }
    }
    Ok(())
}

/// The path of the next request, or `None` at the end.
fn request(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut path = None;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if path.is_none() {
            path = line.split(' ').nth(1).map(str::to_owned);
        }
        if line == "\r\n" {
            return Ok(path);
        }
    }
}

fn answer(stream: &mut TcpStream, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(text.as_bytes())
}
