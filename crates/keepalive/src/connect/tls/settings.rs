//! TLS settings, ready for use.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::ClientConfig;

use crate::connect::tls::builder::TlsBuilder;

/// TLS settings: trusted certificates, the client's own certificate, and the protocols to offer.
///
/// By default the platform's verifier verifies the peer's certificate against the platform's roots.
/// The versions are TLS 1.3 and 1.2; no client certificate is sent, and no application protocol
/// offered. Names are sent to the server (SNI), numeric addresses are not. The certificate must be
/// valid for the name or address of the request.
///
/// Make one value and clone it, which is cheap. Connections are shared only among requests with the
/// same settings: a `Tls` equals only its clones, and two values with the same contents differ. All
/// users of the same settings share the resumption of sessions, for up to 256 server names.
///
/// The settings apply to a manager's `https` and `wss` ([`ManagerBuilder::tls`](crate::ManagerBuilder::tls)), to
/// another scheme ([`ManagerBuilder::tls_scheme`](crate::ManagerBuilder::tls_scheme)), or to one request
/// ([`Request::tls`](crate::Request::tls)). Without any, `https` and `wss` have the defaults.
///
/// # Examples
///
/// ```no_run
/// use keepalive::{Manager, Tls};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tls = Tls::builder()
///     .roots_pem(std::fs::read("company-roots.pem")?)
///     .client_certificate_pem(std::fs::read("me.pem")?, std::fs::read("me.key")?)
///     .alpn(["http/1.1"])
///     .build()?;
/// let manager = Manager::builder().tls(tls).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Tls(Arc<Settings>);

struct Settings {
    number: u64,
    config: Config,
}

/// A closure, because a configuration contains locks for its sessions. Clippy would otherwise take
/// a `Host` for a mutable key and warn about every map with hosts as keys.
type Config = Box<dyn Fn() -> Arc<ClientConfig> + Send + Sync>;

impl Tls {
    /// The defaults, which trust the platform's roots only.
    ///
    /// Reads the platform's roots, which may take some milliseconds.
    ///
    /// # Errors
    ///
    /// The platform has no roots, as in a minimal container without `ca-certificates`.
    pub fn new() -> Result<Self, TlsConfigError> {
        Self::builder().build()
    }

    /// A builder for settings.
    pub fn builder() -> TlsBuilder {
        TlsBuilder::default()
    }

    /// Settings made with rustls itself, used unchanged.
    ///
    /// The configuration alone then decides about verification and key logs, and errors about
    /// unknown issuers have less detail. [`keepalive::rustls`](crate::rustls) is the required
    /// version.
    pub fn from_rustls(config: Arc<ClientConfig>) -> Self {
        static MADE: AtomicU64 = AtomicU64::new(1);
        Self(Arc::new(Settings {
            number: MADE.fetch_add(1, Ordering::Relaxed),
            config: Box::new(move || Arc::clone(&config)),
        }))
    }

    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        (self.0.config)()
    }

    /// The number of these settings, unique within the process.
    pub(crate) fn number(&self) -> u64 {
        self.0.number
    }
}

impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Tls {}

impl Hash for Tls {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.number);
    }
}

/// Shows the offered protocols, but no key and no certificate.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = self.config();
        let alpn = config.alpn_protocols.iter();
        let alpn: Vec<_> = alpn.map(|name| String::from_utf8_lossy(name)).collect();
        f.debug_struct("Tls")
            .field("number", &self.0.number)
            .field("alpn", &alpn)
            .field(
                "client_certificate",
                &config.client_auth_cert_resolver.has_certs(),
            )
            .finish_non_exhaustive()
    }
}

/// Why TLS settings cannot work.
///
/// The message names the invalid setting. It contains no part of a key or a certificate.
///
/// # Examples
///
/// ```
/// use keepalive::Tls;
///
/// let error = Tls::builder().roots_pem("no certificate").build().unwrap_err();
/// assert_eq!(error.to_string(), "invalid root certificates: no certificate was found in the PEM text");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid {part}: {reason}")]
#[non_exhaustive]
pub struct TlsConfigError {
    part: &'static str,
    reason: Cow<'static, str>,
}

impl TlsConfigError {
    pub(crate) fn new(part: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        let reason = reason.into();
        Self { part, reason }
    }

    /// The invalid setting: `root certificates`, `client certificate`, `key of the client
    /// certificate`, `ALPN`, `key log` or `platform's root certificates`.
    pub fn part(&self) -> &'static str {
        self.part
    }
}
