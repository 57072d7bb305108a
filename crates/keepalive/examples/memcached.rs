//! Memcached: a set and a get over one connection, by a request that had to wait for it.
//!
//! Run it with `cargo run --example memcached`, which starts a `memcached`, or with the address of
//! one: `cargo run --example memcached 127.0.0.1:11211`.

#![allow(clippy::print_stdout, reason = "an example speaks to the terminal")]

mod program;

use std::error::Error;
use std::io;

use keepalive::{FromCache, Lease, Manager, Request};
use program::Program;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

const KEY: &str = "keepalive-example";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // memcached wants to be told whose it is if root starts it, and takes no notice otherwise.
    let arguments = ["-l", "127.0.0.1", "-p", "PORT", "-u", "nobody"];
    let required = "KEEPALIVE_REQUIRE_MEMCACHED";
    let Some(server) = Program::at_argument_or_start("memcached", &arguments, required)? else {
        return Ok(());
    };
    // A scheme that nobody has registered is plain TCP. One connection, so that users take turns.
    let manager = Manager::builder().max_per_host(1).build()?;
    let request = Request::new("memcached", &server.address, server.port)?;

    let mut writer = manager.allocate(&request).await?;
    println!("the writer has {}", kind(&writer));
    let reader = manager.allocate(&request);
    if let Some(waiting) = reader.waiting() {
        println!("the reader waits: {waiting}");
    }
    set(&mut writer, "hello").await?;
    writer.free();

    let mut reader = reader.await?;
    println!("the reader has {}", kind(&reader));
    let value = get(&mut reader).await?;
    println!("it reads {value:?}");
    assert_eq!(value.as_deref(), Some("hello"));
    reader.free();

    let mut third = manager.allocate(&request).await?;
    println!("the third has {}", kind(&third));
    delete(&mut third).await?;
    assert_eq!(get(&mut third).await?, None);
    third.free();

    let total = manager.totals();
    let reused = total.reused_immediate + total.reused_deferred;
    println!("{} opened, reused {reused} times", total.opened);
    assert_eq!((total.opened, reused), (1, 2));
    manager.shutdown().await;
    Ok(())
}

fn kind(lease: &Lease) -> &'static str {
    match lease.from_cache() {
        None => "a new connection",
        Some(FromCache::Immediate) => "a connection that was idle",
        Some(FromCache::Deferred) => "the connection that was given back",
    }
}

async fn set(lease: &mut Lease, value: &str) -> io::Result<()> {
    let length = value.len();
    let command = format!("set {KEY} 0 60 {length}\r\n{value}\r\n");
    expect(lease, &command, "STORED").await
}

async fn delete(lease: &mut Lease) -> io::Result<()> {
    expect(lease, &format!("delete {KEY}\r\n"), "DELETED").await
}

async fn expect(lease: &mut Lease, command: &str, expected: &str) -> io::Result<()> {
    lease.write_all(command.as_bytes()).await?;
    let answer = line(&mut BufReader::new(lease)).await?;
    match answer == expected {
        true => Ok(()),
        false => Err(io::Error::other(format!("memcached answered {answer:?}"))),
    }
}

async fn get(lease: &mut Lease) -> io::Result<Option<String>> {
    lease.write_all(format!("get {KEY}\r\n").as_bytes()).await?;
    // The buffer takes nothing that comes later: memcached sends nothing but the answer.
    let mut answer = BufReader::new(lease);
    let head = line(&mut answer).await?;
    if head == "END" {
        return Ok(None);
    }
    // VALUE key flags length
    let length = head.rsplit(' ').next().and_then(|text| text.parse().ok());
    let length = length.ok_or_else(|| io::Error::other(format!("not a value: {head:?}")))?;
    let mut value: Vec<u8> = vec![0; length];
    answer.read_exact(&mut value).await?;
    line(&mut answer).await?; // the rest of the line
    match line(&mut answer).await?.as_str() {
        "END" => String::from_utf8(value).map(Some).map_err(io::Error::other),
        other => Err(io::Error::other(format!("no end, but {other:?}"))),
    }
}

async fn line(stream: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    Ok(line.trim_end().to_owned())
}
