//! A protocol of lines over TCP: two questions to one server, over one connection.
//!
//! Run it with `cargo run --example line_protocol`.

#![allow(clippy::print_stdout, reason = "an example speaks to the terminal")]

use std::error::Error;
use std::time::Duration;

use keepalive::{Lease, Manager, Request};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = start_server().await?;

    // One manager owns all connections of a program. Every setting has a default.
    let manager = Manager::builder()
        .max_per_host(2)
        .keep_alive(Duration::from_secs(5))
        .build()?;

    // What to connect to. The scheme is any name you like for your protocol.
    let request = Request::new("shout", "127.0.0.1", port)?.timeout(Duration::from_secs(1));

    for question in ["hello", "hello again"] {
        // A lease is the right to use a connection. It reads and writes as a stream does.
        let mut lease = manager.allocate(request.clone()).await?;
        let answer = ask(&mut lease, question).await?;
        println!(
            "{question} -> {answer} (from cache: {:?})",
            lease.from_cache()
        );

        // The exchange is complete, so the connection may serve somebody else. Without this line,
        // after an error for example, it would be closed: more of the answer may follow.
        lease.free();
    }

    // An error names the function that failed, and the reason.
    let nobody = Request::new("shout", "127.0.0.1", 1)?;
    if let Err(error) = manager.allocate(nobody).await {
        println!("{error}");
        println!(
            "it failed in {}, number {:?}",
            error.function(),
            error.error_num()
        );
    }

    // Closes idle connections, and waits for the leases that are still out.
    manager.shutdown().await;
    Ok(())
}

async fn ask(lease: &mut Lease, question: &str) -> std::io::Result<String> {
    lease.write_all(format!("{question}\n").as_bytes()).await?;
    // The server writes nothing but the answer, so the buffer takes nothing that comes later.
    let mut answer = String::new();
    BufReader::new(lease).read_line(&mut answer).await?;
    Ok(answer.trim_end().to_owned())
}

/// A server that answers each line in capital letters.
async fn start_server() -> std::io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut lines = BufReader::new(stream).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    let answer = format!("{}\n", line.to_uppercase());
                    if lines.get_mut().write_all(answer.as_bytes()).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    Ok(port)
}
