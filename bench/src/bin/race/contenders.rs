//! The clients that connect.

use std::future::{Ready, ready};
use std::net::{IpAddr, SocketAddr};
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use keepalive::{HickoryResolver, Manager, NetConnector, Request};
use tokio::process::Command;
use tower_service::Service;

use crate::rows::{Found, Row};

/// The connect timeout of each contender that has one.
const PATIENCE: Duration = Duration::from_secs(10);

/// The time of the first connection to a name, and of the next one after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Both {
    pub(crate) first: Duration,
    pub(crate) next: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Keepalive,
    KeepaliveQuick,
    KeepaliveSystem,
    HyperUtil,
    Curl,
}

impl Contender {
    pub(crate) const ALL: [Self; 5] = [
        Self::Keepalive,
        Self::KeepaliveQuick,
        Self::KeepaliveSystem,
        Self::HyperUtil,
        Self::Curl,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Keepalive => "keepalive",
            Self::KeepaliveQuick => "keepalive, attempt delay 100 ms",
            Self::KeepaliveSystem => "keepalive, system's resolver",
            Self::HyperUtil => "hyper-util",
            Self::Curl => "curl",
        }
    }

    pub(crate) fn is_peer(self) -> bool {
        matches!(self, Self::HyperUtil | Self::Curl)
    }

    /// Whether there is anything in this row that another does not show.
    pub(crate) fn differs_in(self, row: &Row) -> bool {
        let known = matches!(row.found, Found::Known(_));
        match self {
            Self::KeepaliveQuick => known,
            Self::KeepaliveSystem => !known,
            _ => true,
        }
    }

    /// Connects twice, by something new.
    pub(crate) async fn connect(self, row: &Row, port: u16) -> Result<Both> {
        match self {
            Self::Keepalive => keepalive(speaking_dns()?, row, port).await,
            Self::KeepaliveQuick => {
                let net = speaking_dns()?.attempt_delay(Duration::from_millis(100));
                keepalive(net, row, port).await
            }
            Self::KeepaliveSystem => keepalive(NetConnector::new(), row, port).await,
            Self::HyperUtil => match row.found {
                Found::Known(addresses) => {
                    let resolver = Known { addresses, port };
                    hyper_util(HttpConnector::new_with_resolver(resolver), row, port).await
                }
                Found::Asked { .. } => hyper_util(HttpConnector::new(), row, port).await,
            },
            Self::Curl => curl(row, port).await,
        }
    }
}

fn speaking_dns() -> Result<NetConnector> {
    Ok(NetConnector::new().resolver(HickoryResolver::from_system()?))
}

async fn keepalive(net: NetConnector, row: &Row, port: u16) -> Result<Both> {
    let net = match row.found {
        Found::Known(addresses) => net.resolve_to_addrs(row.name, addresses.iter().copied())?,
        Found::Asked { .. } => net,
    };
    let manager = Manager::builder()
        .connector(net)
        .timeout(PATIENCE)
        .build()?;
    let request = Request::new("http", row.name, port)?;
    let connect = async || -> Result<Duration> {
        let start = Instant::now();
        let lease = manager.lease(&request).await?;
        let took = start.elapsed();
        ensure!(lease.from_cache().is_none(), "it was open already");
        lease.close();
        Ok(took)
    };
    let both = Both {
        first: connect().await?,
        next: connect().await?,
    };
    manager.shutdown().await;
    Ok(both)
}

async fn hyper_util<R>(mut connector: HttpConnector<R>, row: &Row, port: u16) -> Result<Both>
where
    HttpConnector<R>: Service<http::Uri>,
    <HttpConnector<R> as Service<http::Uri>>::Error: std::error::Error + Send + Sync + 'static,
{
    connector.set_connect_timeout(Some(PATIENCE));
    let uri: http::Uri = format!("http://{}:{port}/", row.name).parse()?;
    let mut connect = async || -> Result<Duration> {
        let start = Instant::now();
        std::future::poll_fn(|context| connector.poll_ready(context)).await?;
        let stream = connector.call(uri.clone()).await?;
        let took = start.elapsed();
        drop(stream);
        Ok(took)
    };
    Ok(Both {
        first: connect().await?,
        next: connect().await?,
    })
}

/// A resolver that knows.
#[derive(Clone)]
struct Known {
    addresses: &'static [IpAddr],
    port: u16,
}

impl Service<Name> for Known {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        let addresses = self.addresses.iter();
        let addresses = addresses.map(|&address| SocketAddr::new(address, self.port));
        ready(Ok(addresses.collect::<Vec<_>>().into_iter()))
    }
}

/// One process fetches twice; the server ends each connection.
async fn curl(row: &Row, port: u16) -> Result<Both> {
    let url = format!("http://{}:{port}/", row.name);
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--noproxy", "*"])
        .args(["--write-out", "%{time_connect}\n"])
        .args(["--connect-timeout", &PATIENCE.as_secs().to_string()]);
    if let Found::Known(addresses) = row.found {
        let addresses = addresses.iter().map(|address| match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        });
        let addresses: Vec<_> = addresses.collect();
        let entry = format!("{}:{port}:{}", row.name, addresses.join(","));
        curl.args(["--resolve", &entry]);
    }
    let output = curl.args([&url, &url]).output().await?;
    ensure!(
        output.status.success(),
        "curl: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout)?;
    let mut times = text
        .lines()
        .map(|line| -> Result<Duration> { Ok(Duration::try_from_secs_f64(line.parse()?)?) });
    let mut time = || times.next().context("curl printed too few times")?;
    Ok(Both {
        first: time()?,
        next: time()?,
    })
}
