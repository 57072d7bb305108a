//! Flags for connections.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;

use crate::duration;
use crate::network::{self, Resolved};

/// Resolving, connecting and proxies.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkFlags {
    /// Give up opening a connection after this long.
    ///
    /// It includes resolving, connecting, a proxy and TLS.
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) connect_timeout: Option<Duration>,

    /// Connect from this local address; twice for one of each family.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) bind: Vec<IpAddr>,

    /// Connect by this network interface.
    // The empty name would mean any interface.
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) interface: Option<String>,

    /// Connect to IPv4 addresses only.
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(crate) ipv4: bool,

    /// Connect to IPv6 addresses only.
    #[arg(short = '6', long)]
    pub(crate) ipv6: bool,

    /// Use these addresses (a,b,c) for HOST, without a lookup.
    #[arg(long, value_name = "HOST:ADDRESS", value_parser = network::parse_resolve)]
    pub(crate) resolve: Vec<Resolved>,

    /// Reach hosts by this proxy: [http[s]|socks5[h]://][user:pass@]host.
    ///
    /// Without a scheme it is http.
    #[arg(long, value_name = "URL", group = "proxies")]
    // Parsed later, by code whose errors do not repeat the password.
    pub(crate) proxy: Option<String>,

    /// Take the proxies from http_proxy, all_proxy, no_proxy, ...
    ///
    /// And from https_proxy, as other tools do.
    #[arg(long, group = "proxies")]
    pub(crate) proxy_from_environment: bool,

    /// Reach these without a proxy: names, addresses, networks (a,b,c).
    #[arg(long, value_name = "HOSTS", requires = "proxies")]
    pub(crate) no_proxy: Option<String>,

    #[command(flatten)]
    pub(crate) tls: TlsFlags,
}

/// TLS.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsFlags {
    /// Trust the roots in FILE (PEM), not the platform's.
    ///
    /// It may be given more than once.
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Vec<PathBuf>,

    /// Accept every certificate: others can read and change everything.
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,

    /// Send this certificate (PEM, with intermediates) if asked.
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,

    /// The private key of --cert (PEM), if it is not in the same file.
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
}
