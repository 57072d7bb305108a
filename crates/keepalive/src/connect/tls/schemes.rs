//! The hosts that are reached by TLS, their settings, and the handshake.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

use crate::api::address::Address;
use crate::api::host::Host;
use crate::connect::stream::NetStream;
use crate::connect::tls::error;
use crate::connect::tls::handshake_limit::HandshakeLimit;
use crate::connect::tls::settings::{Tls, TlsConfigError};
use crate::connect::tls::stream::TlsStream;
use crate::connect::{Attempt, ConnectError, Phase};

/// The TLS settings of a manager, by scheme.
#[derive(Clone, Default)]
pub(crate) struct Schemes {
    /// The keys are in lower case.
    pub(crate) by_scheme: HashMap<String, Tls>,
    /// The settings of `https` and `wss`, if they are not the defaults.
    pub(crate) chosen: Option<Tls>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Made on first use, because the platform's roots are read from files.
    defaults: OnceCell<Tls>,
    handshakes: HandshakeLimit,
}

impl Schemes {
    /// Whether connections to `host` are encrypted.
    pub(crate) fn serves(&self, host: &Host) -> bool {
        host.tls().is_some()
            || matches!(host.scheme(), "https" | "wss")
            || self.by_scheme.contains_key(host.scheme())
    }

    /// Encrypts `stream`, which leads to a host that [is served](Self::serves), and verifies that
    /// its peer is `name`.
    pub(crate) async fn connect(
        &self,
        attempt: &Attempt,
        name: ServerName<'static>,
        stream: NetStream,
    ) -> Result<TlsStream, ConnectError> {
        let host = attempt.host();
        attempt.enter(Phase::Tls);
        let config = self.config(host.tls(), host.scheme()).await?;
        let alpn = match &*config.alpn_protocols {
            #[cfg(feature = "proxy")]
            _ if host.proxy().is_some() => vec![super::HTTP_11.to_vec()],
            [] => attempt.protocols().iter().map(|it| it.to_vec()).collect(),
            chosen => chosen.to_vec(),
        };
        self.handshake(host.address(), config, alpn, name, stream)
            .await
    }

    /// Encrypts `stream`, which leads to `place`, and verifies that its peer is `name`.
    pub(crate) async fn handshake(
        &self,
        place: &(dyn Display + Sync),
        config: Arc<ClientConfig>,
        alpn: Vec<Vec<u8>>,
        name: ServerName<'static>,
        stream: NetStream,
    ) -> Result<TlsStream, ConnectError> {
        let peer = stream.peer();
        let connector = TlsConnector::from(config);
        let connector = connector.with_alpn(alpn.clone());
        // The session computes on creation, so it is created within the future.
        let handshake = async { connector.connect(name, stream).await };
        let stream = self.shared.handshakes.take(handshake).await;
        let stream = stream.map_err(|error| {
            let error = ConnectError::new("tls", error::explain(error, error::ENDED));
            error.detail(match peer {
                Some(peer) => format!("{place} ({peer})"),
                None => place.to_string(),
            })
        })?;
        Ok(TlsStream::new(stream, alpn))
    }

    /// The given settings, or else those of the scheme.
    pub(crate) async fn config(
        &self,
        given: Option<&Tls>,
        scheme: &str,
    ) -> Result<Arc<ClientConfig>, ConnectError> {
        let given = given.or_else(|| self.by_scheme.get(scheme));
        let tls = match given.or(self.chosen.as_ref()) {
            Some(tls) => Ok(tls),
            None => self.shared.defaults.get_or_try_init(make_defaults).await,
        };
        tls.map(Tls::config)
            .map_err(|error| ConnectError::new("tls", error))
    }
}

/// The name that the certificate of a host at `address` must be valid for. Names are sent to the
/// peer, addresses are not.
pub(crate) fn server_name(address: &Address) -> Result<ServerName<'static>, ConnectError> {
    let fault = match address {
        Address::Ip(ip) => return Ok(ServerName::IpAddress((*ip).into())),
        Address::Zoned(ip, _) => return Ok(ServerName::IpAddress((*ip).into())),
        Address::Name(name) => match ServerName::try_from(name.to_string()) {
            Ok(name) => return Ok(name),
            Err(_) => "no certificate can be valid for this name",
        },
        Address::Path(_) => "TLS needs a name or an address, not a path",
    };
    let error = io::Error::new(io::ErrorKind::InvalidInput, fault);
    Err(ConnectError::new("tls", error).detail(address.to_string()))
}

impl fmt::Debug for Schemes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_scheme.keys()).finish()
    }
}

async fn make_defaults() -> Result<Tls, TlsConfigError> {
    // An attempt always runs within a runtime.
    let made = tokio::task::spawn_blocking(Tls::new).await;
    made.unwrap_or_else(|_| {
        Err(TlsConfigError::new(
            "platform's root certificates",
            "broken off",
        ))
    })
}
