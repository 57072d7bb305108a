//! A resolver that queries DNS servers itself: hickory-resolver.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RecordType;
use hickory_resolver::{ResolverBuilder, TokioResolver};

use crate::connect::resolve::{Addresses, Families, Resolve, ResolveError};

/// A resolver that queries DNS servers itself, with the feature `hickory-dns`.
///
/// It looks IPv4 and IPv6 up separately, respects the TTLs of the answers, and occupies no thread.
/// A lookup ends when no request waits for it. Names in `/etc/hosts` take precedence over the
/// servers. Other sources that the system may be configured for (`nsswitch.conf`) are not used.
///
/// Each server has 5 seconds to answer, and receives up to three queries.
///
/// # Examples
///
/// ```
/// use keepalive::{HickoryResolver, Manager, NetConnector};
///
/// let server = "192.0.2.53:53".parse()?;
/// let resolver = HickoryResolver::with_servers([server])?;
/// let manager = Manager::builder().connector(NetConnector::new().resolver(resolver)).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct HickoryResolver {
    resolver: TokioResolver,
}

impl HickoryResolver {
    /// Queries the servers of the system, which are those of `/etc/resolv.conf`, with its search
    /// list.
    ///
    /// # Errors
    ///
    /// The system's settings cannot be read.
    pub fn from_system() -> Result<Self, ResolveError> {
        Self::build(TokioResolver::builder_tokio().map_err(ResolveError::new)?)
    }

    /// Queries these servers over UDP, and over TCP for answers that are too long for UDP.
    ///
    /// Without a server, only names in `/etc/hosts` are found.
    ///
    /// # Errors
    ///
    /// The resolver cannot be built.
    pub fn with_servers(
        servers: impl IntoIterator<Item = SocketAddr>,
    ) -> Result<Self, ResolveError> {
        let server = |address: SocketAddr| {
            let mut connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
            for connection in &mut connections {
                connection.port = address.port();
            }
            NameServerConfig::new(address.ip(), true, connections.into())
        };
        let servers = servers.into_iter().map(server).collect();
        let config = ResolverConfig::from_name_servers(servers);
        let provider = TokioRuntimeProvider::default();
        Self::build(TokioResolver::builder_with_config(config, provider))
    }

    fn build(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<Self, ResolveError> {
        // `NetConnector` keeps the answers.
        builder.options_mut().cache_size = 0;
        let resolver = builder.build().map_err(ResolveError::new)?;
        Ok(Self { resolver })
    }
}

impl Resolve for HickoryResolver {
    async fn lookup(&self, name: &str, families: Families) -> Result<Addresses, ResolveError> {
        let lookup = match families {
            Families::V4 => self.resolver.lookup(name, RecordType::A).await,
            Families::V6 => self.resolver.lookup(name, RecordType::AAAA).await,
            Families::Both => self.resolver.lookup_ip(name).await.map(Lookup::from),
        };
        let lookup = lookup.map_err(|error| resolve_error(error, families))?;
        // Aliases (CNAME) on the way to an address have TTLs too.
        let ttl = lookup.answers().iter().map(|record| record.ttl).min();
        let addresses = lookup.answers().iter().filter_map(|r| r.data.ip_addr());
        let valid_for = Duration::from_secs(ttl.unwrap_or(0).into());
        Ok(Addresses::new(addresses).valid_for(valid_for))
    }

    fn asks_separately(&self) -> bool {
        true
    }
}

fn resolve_error(error: NetError, families: Families) -> ResolveError {
    match error {
        error if error.is_nx_domain() => ResolveError::not_found(io::Error::new(
            io::ErrorKind::NotFound,
            "the name does not exist",
        )),
        error if error.is_no_records_found() => ResolveError::no_address(families),
        NetError::Timeout => ResolveError::new(io::Error::new(
            io::ErrorKind::TimedOut,
            "no DNS server answered in time",
        )),
        NetError::Io(error) => ResolveError::new(match error.raw_os_error() {
            Some(number) => io::Error::from_raw_os_error(number),
            None => io::Error::new(error.kind(), error.to_string()),
        }),
        error => ResolveError::new(error),
    }
}

impl fmt::Debug for HickoryResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HickoryResolver").finish_non_exhaustive()
    }
}
