//! The hosts that are reached by TLS, and their settings.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::sync::OnceCell;

use crate::api::host::Host;
#[cfg(feature = "proxy")]
use crate::connect::proxy::Proxy;
use crate::connect::tls::handshake::Offered;
use crate::connect::tls::settings::{Tls, TlsConfigError};
use crate::connect::tls::stream::TlsStream;
use crate::connect::tls::turns::Turns;
use crate::connect::wire::Wire;
use crate::connect::{Attempt, ConnectError, Phase, tls};

/// The TLS settings of a manager, by scheme.
#[derive(Clone, Default)]
pub(crate) struct Schemes {
    by_scheme: HashMap<String, Tls>,
    /// The settings of `https` and `wss`, if they are not the defaults.
    chosen: Option<Tls>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Made on first use, because the platform's roots are read from files.
    defaults: OnceCell<Tls>,
    turns: Turns,
}

impl Schemes {
    pub(crate) fn choose(&mut self, tls: Tls) {
        self.chosen = Some(tls);
    }

    pub(crate) fn insert(&mut self, scheme: &str, tls: Tls) {
        self.by_scheme.insert(scheme.to_ascii_lowercase(), tls);
    }

    pub(crate) fn remove(&mut self, scheme: &str) {
        self.by_scheme.remove(&scheme.to_ascii_lowercase());
    }

    /// Whether connections to `host` are encrypted.
    pub(crate) fn serves(&self, host: &Host) -> bool {
        host.tls().is_some()
            || matches!(host.scheme(), "https" | "wss")
            || self.by_scheme.contains_key(host.scheme())
    }

    /// Encrypts `wire`, which leads to a host that [is served](Self::serves), and verifies that its
    /// peer is `name`.
    pub(crate) async fn connect(
        &self,
        attempt: &Attempt,
        name: ServerName<'static>,
        wire: Wire,
    ) -> Result<TlsStream, ConnectError> {
        let host = attempt.host();
        attempt.enter(Phase::Tls);
        let tls = self.settings(host.tls(), host.scheme()).await?;
        let offered = protocols(attempt);
        tls::connect(host.address(), tls, offered, &self.shared.turns, name, wire).await
    }

    /// Encrypts `wire`, which leads to a proxy, and verifies the proxy's name.
    #[cfg(feature = "proxy")]
    pub(crate) async fn connect_proxy(
        &self,
        proxy: &Proxy,
        wire: Wire,
    ) -> Result<TlsStream, ConnectError> {
        let name = tls::server_name(proxy.server().0)?;
        let tls = self.settings(proxy.own_tls(), "https").await?;
        let place = format!("proxy {proxy}");
        tls::connect(
            &place,
            tls,
            Offered::Only(&[HTTP_11]),
            &self.shared.turns,
            name,
            wire,
        )
        .await
    }

    /// The given settings, or else those of the scheme.
    async fn settings<'a>(
        &'a self,
        given: Option<&'a Tls>,
        scheme: &str,
    ) -> Result<&'a Tls, ConnectError> {
        let given = given.or_else(|| self.by_scheme.get(scheme));
        match given.or(self.chosen.as_ref()) {
            Some(tls) => Ok(tls),
            None => {
                let defaults = self.shared.defaults.get_or_try_init(make_defaults).await;
                defaults.map_err(|error| ConnectError::new("tls", error))
            }
        }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.by_scheme.keys()
    }
}

impl fmt::Debug for Schemes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// The protocols that an attempt offers by ALPN, unless its settings name others. A proxy is
/// offered HTTP/1.1 only.
fn protocols(attempt: &Attempt) -> Offered {
    #[cfg(feature = "proxy")]
    if attempt.host().proxy().is_some() {
        return Offered::Only(&[HTTP_11]);
    }
    Offered::Usually(attempt.protocols())
}

#[cfg(feature = "proxy")]
const HTTP_11: &[u8] = b"http/1.1";

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
