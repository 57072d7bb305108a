//! One manager shared by many tasks: three connections serve thirty of them, and the manager can
//! list the holders of connections, and tell why a request waits.
//!
//! Run it with `cargo run --example shared`.

#![allow(clippy::print_stdout, reason = "an example speaks to the terminal")]

use std::error::Error;

use keepalive::{Manager, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    let port = start_server().await?;
    let manager = Manager::builder().max_per_host(3).build()?;
    let request = Request::new("echo", "127.0.0.1", port)?;

    let held = manager.allocate(request.clone()).await?;
    let mut tasks = JoinSet::new();
    for number in 0..30_u8 {
        // Handles are cheap to clone, and so are requests.
        let (manager, request) = (manager.clone(), request.clone());
        tasks.spawn(async move { exchange(&manager, request, number).await });
    }

    // The holders of connections, with the lines of code that requested them.
    for lease in manager.leases() {
        println!(
            "{} is held by {} for {:?}",
            lease.host, lease.location, lease.held
        );
    }
    held.free();
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }

    // The present figures and those since the start: in total, and for each host.
    let stats = manager.stats();
    println!("{} open, {} idle", stats.total.open, stats.total.idle);
    println!(
        "{} opened, {} reused at once, {} given from one task to the next",
        stats.total.opened, stats.total.reused_immediate, stats.total.reused_deferred
    );
    for host in &stats.hosts {
        println!("{}: {} open", host.host, host.counts.open);
    }
    let median = stats.waiting_time.percentile(50.0);
    println!("half of the requests had a connection within {median:?}");

    manager.shutdown().await;
    Ok(())
}

async fn exchange(manager: &Manager, request: Request, number: u8) -> Result<()> {
    let pending = manager.allocate(request);
    if let Some(waiting) = pending.waiting().filter(|_| number == 29) {
        println!("the last task waits: {waiting}");
    }
    let mut lease = pending.await?;
    lease.write_all(&[number]).await?;
    assert_eq!(lease.read_u8().await?, number);
    lease.free();
    Ok(())
}

/// A server that sends back what it is sent.
async fn start_server() -> std::io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    Ok(port)
}
