//! A proxy that does as it is told, and proxies that others have written.

use std::net::{SocketAddr, TcpListener as Blocking};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A proxy of this runtime that answers every `CONNECT` alike.
pub(crate) struct HttpProxy {
    pub(crate) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl HttpProxy {
    /// It says `answer`, and goes on as a tunnel to `to`, if there is one. Without, it says no
    /// more and stays; an empty answer closes at once.
    pub(crate) async fn start(answer: impl Into<String>, to: Option<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&heads), answer.into());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&seen), answer.clone(), to));
            }
        });
        Self { address, heads }
    }

    /// Heads of what it was asked for.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("nobody panics").clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    heads: Arc<Mutex<Vec<String>>>,
    answer: String,
    to: Option<SocketAddr>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else {
            return;
        };
        head.push(byte);
    }
    let head = String::from_utf8(head).expect("a head is text");
    heads.lock().expect("nobody panics").push(head);
    if answer.is_empty() || stream.write_all(answer.as_bytes()).await.is_err() {
        return;
    }
    match to {
        Some(to) => {
            let mut onward = TcpStream::connect(to).await.expect("the host listens");
            // Whichever end goes first, the other follows.
            let _ = copy_bidirectional(&mut stream, &mut onward).await;
        }
        None => {
            let _ = stream.read_u8().await;
        }
    }
}

/// A proxy program, on a port of its own until this is dropped.
pub(crate) struct Program {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Program {
    /// Starts `name` with `arguments`, which say where the port and the folder are to be. `None`,
    /// with a line that says so, where it is not installed and need not be.
    pub(crate) fn start(
        name: &str,
        folder: &Path,
        arguments: impl FnOnce(u16, &Path) -> Vec<String>,
    ) -> Option<Self> {
        let required = std::env::var_os("KEEPALIVE_REQUIRE_PROXIES");
        let required = required.is_some_and(|value| value == "1");
        let port = free_port();
        let process = Command::new(name)
            .args(arguments(port, folder))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(process) = process else {
            assert!(
                !required,
                "KEEPALIVE_REQUIRE_PROXIES=1, and there is no {name}"
            );
            #[allow(clippy::print_stdout, reason = "whoever runs the tests is to know")]
            {
                println!("SKIPPED: no {name}; KEEPALIVE_REQUIRE_PROXIES=1 makes that a failure");
            }
            return None;
        };
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut program = Self { process, address };
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(address).is_err() {
            let ended = program.process.try_wait().expect("it was started");
            assert!(ended.is_none(), "{name} ended: {ended:?}");
            assert!(Instant::now() < deadline, "{name} is silent");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(program)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    let listener = Blocking::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}
