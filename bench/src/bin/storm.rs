//! A thousand TLS handshakes at once, beside the warm hits of another host:
//! `cargo run --release --bin storm`. It fails if in half of the storms
//! 99 of a hundred hits take up to more than twice as long as before. The servers are threads of the same process.

use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use keepalive::rustls::client::Resumption;
use keepalive::rustls::crypto::ring;
use keepalive::rustls::pki_types::PrivateKeyDer;
use keepalive::rustls::{ClientConfig, RootCertStore, ServerConfig};
use keepalive::{Manager, Request, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

const HANDSHAKES: usize = 1000;
/// Other programs run too, so the median counts.
const STORMS: usize = 9;
const MOST: f64 = 2.0;

fn main() -> Result<ExitCode> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let median = runtime.block_on(async { tokio::spawn(storms()).await? })?;
    println!("in the median, p99 of a hit is {median:.2} times the quiet one; {MOST} are allowed");
    Ok(if median <= MOST {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn storms() -> Result<f64> {
    let (secure, tls) = secure_server().await?;
    let echo = echo_server().await?;
    let manager = Manager::builder()
        .max_open(2 * HANDSHAKES)
        .tls(tls)
        .build()?;
    let echo = Request::new("echo", "127.0.0.1", echo)?;
    let secure = Request::new("https", "127.0.0.1", secure)?;
    // The first handshakes set up state that all later ones share.
    handshakes(&manager, &secure, "first").await?;
    let mut ratios = Vec::new();
    for storm in 1..=STORMS {
        let pause = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok(())
        };
        let quiet = hits_during(&manager, &echo, pause).await?;
        let start = Instant::now();
        let label = storm.to_string();
        let during = hits_during(&manager, &echo, handshakes(&manager, &secure, &label)).await?;
        let time = start.elapsed();
        println!("storm {storm}, {time:?}: quiet {quiet}; during it {during}");
        ratios.push(during.hit.as_secs_f64() / quiet.hit.as_secs_f64());
    }
    ratios.sort_unstable_by(f64::total_cmp);
    Ok(ratios[STORMS / 2])
}

/// Full handshakes, each for a host of its own.
async fn handshakes(manager: &Manager, request: &Request, label: &str) -> Result<()> {
    let requests = (0..HANDSHAKES).map(|n| request.clone().partition(format!("{label} {n}")));
    let tasks: Vec<_> = requests
        .map(|request| tokio::spawn(manager.allocate(request)))
        .collect();
    for task in tasks {
        task.await??.close();
    }
    Ok(())
}

/// The 99th percentiles.
struct Percentiles {
    count: usize,
    /// From asking to the lease, and back.
    hit: Duration,
    /// The same with a line sent and answered, for which the task waits in the runtime's queue.
    exchange: Duration,
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, hit, exchange) = (self.count, self.hit, self.exchange);
        write!(
            f,
            "p99 of {count} hits {hit:?}, with an exchange {exchange:?}"
        )
    }
}

async fn hits_during(
    manager: &Manager,
    request: &Request,
    other: impl Future<Output = Result<()>>,
) -> Result<Percentiles> {
    let ends = Arc::new(AtomicBool::new(false));
    let hits = tokio::spawn(hits(manager.clone(), request.clone(), Arc::clone(&ends)));
    other.await?;
    ends.store(true, Ordering::Relaxed);
    hits.await?
}

async fn hits(manager: Manager, request: Request, ends: Arc<AtomicBool>) -> Result<Percentiles> {
    let (mut hits, mut exchanges) = (Vec::new(), Vec::new());
    let mut answer = [0; 6];
    manager.lease(&request).await?.free();
    while !ends.load(Ordering::Relaxed) {
        let start = Instant::now();
        let lease = manager.lease(&request).await?;
        let warm = lease.from_cache().is_some();
        lease.free();
        hits.push(start.elapsed());
        ensure!(warm, "a hit has opened a connection");

        let start = Instant::now();
        let mut lease = manager.lease(&request).await?;
        lease.write_all(b"hello\n").await?;
        lease.read_exact(&mut answer).await?;
        lease.free();
        exchanges.push(start.elapsed());
    }
    Ok(Percentiles {
        count: hits.len(),
        hit: p99(hits),
        exchange: p99(exchanges),
    })
}

fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

/// A server that shakes hands, and settings that trust it and resume nothing.
async fn secure_server() -> Result<(u16, Tls)> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .map_err(|error| anyhow::anyhow!(error))?;
    let provider = Arc::new(ring::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.resumption = Resumption::disabled();

    let acceptor = TlsAcceptor::from(Arc::new(server));
    let port = serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.read(&mut [0]).await;
            }
        }
    });
    Ok((port.await?, Tls::from_rustls(Arc::new(client))))
}

async fn echo_server() -> Result<u16> {
    let echo = |mut stream: TcpStream| async move {
        let (mut from, mut to) = stream.split();
        let _ = tokio::io::copy(&mut from, &mut to).await;
    };
    serve(echo).await
}

/// Serves each connection on a thread of its own; answers the port.
async fn serve<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> Result<u16>
where
    F: Future<Output = ()> + 'static,
{
    let (sender, port) = oneshot::channel();
    std::thread::spawn(move || -> Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let tasks = tokio::task::LocalSet::new();
        tasks.block_on(&runtime, async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let _ = sender.send(listener.local_addr()?.port());
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                tokio::task::spawn_local(answer(stream));
            }
        })
    });
    port.await.context("a server")
}
