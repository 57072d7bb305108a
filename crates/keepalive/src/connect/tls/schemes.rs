//! Which hosts are reached by TLS, and with which settings.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use crate::connect::tls::settings::{Tls, TlsConfigError};
use crate::connect::tls::stream::TlsStream;
use crate::connect::tls::turns::Turns;
use crate::connect::{Attempt, ConnectError, Phase, tls};
use crate::host::Host;

/// The TLS settings of a manager, by scheme.
#[derive(Clone, Default)]
pub(crate) struct Schemes {
    by_scheme: HashMap<String, Tls>,
    /// Those of `https` and `wss`, if they are not the defaults.
    chosen: Option<Tls>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Made when they are first used: the platform's roots are read from files.
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

    /// Encrypts a socket that is open to a host which [is served](Self::serves), and verifies that
    /// its peer is `name`.
    pub(crate) async fn connect(
        &self,
        attempt: &Attempt,
        name: ServerName<'static>,
        socket: TcpStream,
    ) -> Result<TlsStream, ConnectError> {
        let host = attempt.host();
        let given = host.tls().or_else(|| self.by_scheme.get(host.scheme()));
        let tls = match given.or(self.chosen.as_ref()) {
            Some(tls) => tls,
            None => {
                attempt.enter(Phase::Tls);
                let defaults = self.shared.defaults.get_or_try_init(make_defaults).await;
                defaults.map_err(|error| ConnectError::new("tls", error))?
            }
        };
        tls::connect(attempt, tls, &self.shared.turns, name, socket).await
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.by_scheme.keys()
    }
}

async fn make_defaults() -> Result<Tls, TlsConfigError> {
    // Within an attempt there is a runtime.
    let made = tokio::task::spawn_blocking(Tls::new).await;
    made.unwrap_or_else(|_| {
        Err(TlsConfigError::new(
            "platform's root certificates",
            "broken off",
        ))
    })
}
