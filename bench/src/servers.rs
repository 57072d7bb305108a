//! The other end of the rows with sockets. A server ends when its standard input does.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;

use crate::rows::sockets::MESSAGE;
use crate::runtime;

pub mod http;

/// Sends back every message that it is sent.
///
/// # Errors
///
/// When it can not listen.
pub fn echo() -> Result<()> {
    serve(&runtime::with_workers(2), async |listener| {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(send_back(stream));
        }
    })
}

/// Accepts connections, and keeps each until its client has closed it.
///
/// # Errors
///
/// When it can not listen.
pub fn accept() -> Result<()> {
    serve(&runtime::with_workers(2), async |listener| {
        let mut open = VecDeque::with_capacity(SURELY_CLOSED);
        loop {
            if open.len() == SURELY_CLOSED {
                open.pop_front();
            }
            open.push_back(listener.accept().await?.0);
        }
    })
}

/// No client has so many connections at once: when as many are younger, the oldest is over.
const SURELY_CLOSED: usize = 2048;
const BACKLOG: u32 = 4096;

fn serve(runtime: &Runtime, serve: impl AsyncFnOnce(TcpListener) -> Result<()>) -> Result<()> {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?;
        let listener = socket.listen(BACKLOG)?;
        println!("{}", listener.local_addr()?.port());
        std::io::stdout().flush()?;
        serve(listener).await
    })
}

async fn send_back(mut stream: TcpStream) {
    let mut message = [0; MESSAGE];
    while stream.read_exact(&mut message).await.is_ok() {
        if stream.write_all(&message).await.is_err() {
            return;
        }
    }
}
