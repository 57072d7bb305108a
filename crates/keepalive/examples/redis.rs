//! Redis: a connector for a scheme, and pipelines of PING over two connections that many share.
//!
//! Run it with `cargo run --example redis`, which starts a `redis-server`, or with the address of
//! one: `cargo run --example redis 127.0.0.1:6379`.

#![allow(clippy::print_stdout, reason = "an example speaks to the terminal")]

mod program;

use std::error::Error;
use std::io;

use keepalive::{
    Attempt, ConnectError, Connector, FromCache, Manager, NetConnector, NetStream, Phase, Request,
};
use program::Program;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::task::JoinSet;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const NAME: &str = "keepalive-example";
const PINGS: usize = 1000;

/// Opens connections that Redis knows by a name. A password or a database would be set here, too:
/// once for each connection, before anybody has it.
struct Redis(NetConnector);

impl Connector for Redis {
    type Connection = NetStream;

    async fn connect(&self, attempt: &Attempt) -> std::result::Result<NetStream, ConnectError> {
        let mut stream = self.0.connect(attempt).await?;
        attempt.enter(Phase::Tls); // a handshake: timeouts and timings go by it
        let failed = |error| ConnectError::new("hello", error);
        stream
            .write_all(format!("CLIENT SETNAME {NAME}\r\n").as_bytes())
            .await
            .map_err(failed)?;
        let answer = reply(&mut BufReader::new(&mut stream)).await;
        match answer.map_err(failed)?.as_str() {
            "+OK" => Ok(stream),
            other => Err(ConnectError::new("hello", other)),
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = ["--port", "PORT", "--bind", "127.0.0.1", "--save", ""];
    let required = "KEEPALIVE_REQUIRE_REDIS";
    let server = Program::at_argument_or_start("redis-server", &arguments, required);
    let Some(server) = server.map_err(|error| error.to_string())? else {
        return Ok(());
    };
    let manager = Manager::builder()
        .scheme("redis", Redis(NetConnector::new()))
        .max_per_host(2)
        .build()?;
    let request = Request::new("redis", &server.address, server.port)?;

    // Ten users at once, and two connections.
    let mut users = JoinSet::new();
    for user in 1..=10 {
        let (manager, request) = (manager.clone(), request.clone());
        users.spawn(async move { (user, ping(&manager, &request).await) });
    }
    while let Some(ended) = users.join_next().await {
        let (user, from_cache) = ended?;
        let how = match from_cache? {
            None => "a new connection",
            Some(FromCache::Immediate) => "an idle connection",
            Some(FromCache::Deferred) => "a connection that another user gave back",
        };
        println!("user {user}: {PINGS} pings answered over {how}");
    }

    // What Redis says of it.
    let mut lease = manager.allocate(&request).await?;
    lease.write_all(b"CLIENT LIST\r\n").await?;
    let clients = reply(&mut BufReader::new(&mut lease)).await?;
    lease.free();
    let ours = clients.lines().filter(|line| line.contains(NAME)).count();
    println!("redis has {ours} connections of ours");
    assert!(ours <= 2, "max_per_host is 2");
    manager.shutdown().await;
    Ok(())
}

/// Sends pings without awaiting an answer, and then reads all answers.
async fn ping(manager: &Manager, request: &Request) -> Result<Option<FromCache>> {
    let mut lease = manager.allocate(request).await?;
    lease.write_all("PING\r\n".repeat(PINGS).as_bytes()).await?;
    let mut answers = BufReader::new(&mut lease);
    for _ in 0..PINGS {
        let answer = reply(&mut answers).await?;
        if answer != "+PONG" {
            return Err(answer.into()); // the lease is dropped, and the connection closed
        }
    }
    let from_cache = lease.from_cache();
    lease.free(); // every answer was read, so the next user finds it clean
    Ok(from_cache)
}

/// Reads one reply: a line, or as many bytes as a line says.
async fn reply(stream: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let line = line.trim_end();
    let Some(length) = line.strip_prefix('$').and_then(|text| text.parse().ok()) else {
        return Ok(line.to_owned());
    };
    let mut bytes: Vec<u8> = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    stream.read_exact(&mut [0; 2]).await?; // the end of the line
    String::from_utf8(bytes).map_err(io::Error::other)
}
