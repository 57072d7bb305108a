//! A TLS server with a thread for each connection, and files for its certificates.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use keepalive::rustls::{ServerConfig, ServerConnection, StreamOwned};
pub(crate) use keepalive_testkit::tls::{Authority, Identity};

/// Answers every request of HTTP with `hello`, until the test ends.
pub(crate) struct TlsServer {
    pub(crate) port: u16,
}

impl TlsServer {
    pub(crate) fn start(identity: &Identity) -> Self {
        Self::start_for(identity, None)
    }

    /// Requires a client certificate that `clients` signed.
    pub(crate) fn start_for(identity: &Identity, clients: Option<&Authority>) -> Self {
        let config = Arc::new(config(identity, clients));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let config = Arc::clone(&config);
                // A client that disconnects is no failure of the server.
                thread::spawn(move || serve(stream?, config));
            }
        });
        Self { port }
    }
}

pub(crate) fn config(identity: &Identity, clients: Option<&Authority>) -> ServerConfig {
    let mut config = identity.config_for(clients);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<()> {
    let session = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(session, stream));
    let mut line = String::new();
    while stream.read_line(&mut line)? > 0 {
        if line == "\r\n" {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
            stream.get_mut().write_all(answer)?;
        }
        line.clear();
    }
    Ok(())
}

/// Files for the flags, in a temporary folder.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file, and returns its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }
}
