//! Answers by post: requests go out, and one loop takes every answer as it comes.
//!
//! Each request has an event name and a context of the program's own type; both come back with
//! the answer. Run it with `cargo run --example mailbox`.

#![allow(clippy::print_stdout, reason = "an example speaks to the terminal")]

use std::error::Error;

use keepalive::{Manager, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What the program wants to know again when the answer comes.
#[derive(Debug)]
struct Job {
    number: u8,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = start_server().await?;
    let manager = Manager::builder().max_per_host(1).build()?;
    let (mailbox, mut responses) = keepalive::mailbox::<Job>();

    // Asking never blocks, and the answer never arrives inside the call. Nobody listens on the
    // port of the third job.
    let mut ids = Vec::new();
    for (number, port) in [(1, port), (2, port), (3, 1), (4, port)] {
        let request = Request::new("echo", "127.0.0.1", port)?;
        let id = manager.allocate_to(&mailbox, request, "connected", Job { number })?;
        println!("job {number} is request {id}");
        ids.push(id);
    }
    // A request that is not wanted any more is withdrawn by its id. That, too, is answered.
    manager.cancel(ids[3]);

    // Without a handle of the mailbox, the loop ends with the last answer.
    drop(mailbox);
    while let Some(response) = responses.recv().await {
        let (event, number) = (response.event(), response.context().number);
        if let (Some(function), Some(text)) = (response.function(), response.error_str()) {
            let error_num = response.error_num();
            println!("{event:?}, job {number}: {function} failed: {text} ({error_num:?})");
            continue;
        }
        let from_cache = response.from_cache();
        println!("{event:?}, job {number}: from cache: {from_cache:?}");

        let mut lease = response.into_result()?;
        lease.write_u8(number).await?;
        assert_eq!(lease.read_u8().await?, number);
        // The second job waits for this, since there is one connection per host.
        lease.free();
    }

    manager.shutdown().await;
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
