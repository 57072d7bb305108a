//! How connections are encrypted and peers are verified, ready for use.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::ClientConfig;

use crate::connect::tls::builder::TlsBuilder;

/// TLS settings: whom to trust, who to be, and which protocols to offer.
///
/// By default the peer's certificate is verified by the platform's verifier, against its roots;
/// TLS 1.3 and 1.2 are spoken; no client certificate is shown, and no application protocol is
/// offered. Names are sent to the server (SNI), numeric addresses are not; the certificate must
/// be valid for whichever the request has.
///
/// Make one and clone it, which is cheap. Connections are shared only among requests with the
/// same settings: a `Tls` equals its clones alone, and two that were made alike are two. Sessions
/// are resumed across the connections of all that have the same settings, 256 server names are
/// remembered.
///
/// It is given to a manager for `https` and `wss` ([`Builder::tls`](crate::Builder::tls)), for
/// another scheme ([`Builder::tls_scheme`](crate::Builder::tls_scheme)), or to one request
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

/// A configuration has locks in it, for its sessions. Seen through, a `Host` would be taken for a
/// key that changes, and clippy warn of every map by hosts.
type Config = Box<dyn Fn() -> Arc<ClientConfig> + Send + Sync>;

impl Tls {
    /// The defaults: what the platform trusts, and nothing else.
    ///
    /// It reads the platform's roots, which may take some milliseconds.
    ///
    /// # Errors
    ///
    /// The platform has no roots, as a minimal container without `ca-certificates`.
    pub fn new() -> Result<Self, TlsConfigError> {
        Self::builder().build()
    }

    /// Settings to be chosen.
    pub fn builder() -> TlsBuilder {
        TlsBuilder::new()
    }

    /// Settings made with rustls itself, used as they are.
    ///
    /// What they verify, and what they log, is then their maker's; errors about certificates of
    /// an unknown issuer say less. [`keepalive::rustls`](crate::rustls) is the version to use.
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

    /// Which of the settings made in this process it is.
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

/// Says what is offered; prints no key and no certificate.
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
/// The message says which of what was given is wrong. It prints nothing of a key or a
/// certificate.
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

    /// Which of the settings is wrong: `root certificates`, `client certificate`,
    /// `key of the client certificate`, `ALPN`, `key log` or `platform's root certificates`.
    pub fn part(&self) -> &'static str {
        self.part
    }
}
