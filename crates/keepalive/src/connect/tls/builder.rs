//! The builder of TLS settings.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::connect::platform;
use crate::connect::tls::error;
use crate::connect::tls::key_log::KeyLogFile;
use crate::connect::tls::settings::{Tls, TlsConfigError};
use crate::connect::tls::verify::Verifier;

/// Builds [`Tls`] settings. Every setting is optional.
///
/// [`build`](Self::build) checks the settings.
#[derive(Clone, Default)]
#[must_use]
pub struct TlsBuilder {
    roots: Vec<Vec<u8>>,
    platform_roots: bool,
    client_certificate: Option<(Vec<u8>, Vec<u8>)>,
    alpn: Vec<Vec<u8>>,
    key_log: Option<PathBuf>,
    accept_any_certificate: bool,
}

impl TlsBuilder {
    /// Trusts the root certificates in `pem`, one or more, in place of the platform's.
    ///
    /// Each call adds roots. Default none: the platform's roots are trusted. A server's own
    /// certificate may be a root, unless it is marked as a certificate authority.
    pub fn roots_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// Trusts the platform's roots in addition to those of [`roots_pem`](Self::roots_pem).
    pub fn with_platform_roots(mut self) -> Self {
        self.platform_roots = true;
        self
    }

    /// Sends the certificate in `chain`, followed by its intermediates if there are any, to servers
    /// that request one; `key` is its private key. Both are PEM.
    ///
    /// Default none. In TLS 1.3, a server rejects the certificate after the handshake: the first
    /// read then returns the error.
    pub fn client_certificate_pem(
        mut self,
        chain: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.client_certificate = Some((chain.into(), key.into()));
        self
    }

    /// Offers these application protocols, the preferred one first.
    ///
    /// Default none. [`TlsInfo::alpn`](crate::TlsInfo::alpn) returns the server's choice; a server
    /// without a match ends the handshake with an error.
    pub fn alpn<P: AsRef<[u8]>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        let protocols = protocols.into_iter();
        self.alpn = protocols.map(|name| name.as_ref().to_vec()).collect();
        self
    }

    /// Appends the keys of all sessions to the file at `path`, for debugging. A reader of the file
    /// can decrypt recordings of the connections.
    ///
    /// Default none. On Unix, a new file is accessible to its owner only. The format is that of
    /// `SSLKEYLOGFILE`.
    pub fn key_log(mut self, path: impl Into<PathBuf>) -> Self {
        self.key_log = Some(path.into());
        self
    }

    /// Like [`key_log`](Self::key_log), with the path in the environment variable `SSLKEYLOGFILE`,
    /// if it is set and not empty.
    pub fn key_log_from_environment(mut self) -> Self {
        let path = std::env::var_os("SSLKEYLOGFILE").filter(|path| !path.is_empty());
        if let Some(path) = path {
            self.key_log = Some(path.into());
        }
        self
    }

    /// Accepts every certificate, for any name and from any issuer: **anybody on the network path
    /// can read and change the traffic**.
    ///
    /// If possible, trust the one certificate in question by [`roots_pem`](Self::roots_pem)
    /// instead.
    pub fn danger_accept_any_certificate(mut self) -> Self {
        self.accept_any_certificate = true;
        self
    }

    /// Builds the settings.
    ///
    /// It may read files: the platform's roots, and the key log.
    ///
    /// # Errors
    ///
    /// A given text is not PEM, or has no certificate or no key. The key does not belong to the
    /// certificate. A protocol is empty or longer than 255 bytes. The key log cannot be opened. The
    /// platform has no roots.
    pub fn build(self) -> Result<Tls, TlsConfigError> {
        let provider = Arc::new(ring::default_provider());
        let verifier = self.verifier(&provider)?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsConfigError::new("protocol versions", error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match self.client_certificate {
            None => config.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = certificates(CLIENT_CERTIFICATE, &chain)?;
                let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| {
                    TlsConfigError::new(CLIENT_KEY, "no private key was found in the PEM text")
                })?;
                config
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| match error {
                        rustls::Error::InconsistentKeys(_) => {
                            let reason = "it is not the key of the first certificate";
                            TlsConfigError::new(CLIENT_KEY, reason)
                        }
                        rustls::Error::InvalidCertificate(_) => refused(CLIENT_CERTIFICATE)(error),
                        _ => refused(CLIENT_KEY)(error),
                    })?
            }
        };
        if self.alpn.iter().any(|name| !matches!(name.len(), 1..=255)) {
            let reason = "the name of an application protocol has 1 to 255 bytes";
            return Err(TlsConfigError::new("ALPN", reason));
        }
        config.alpn_protocols = self.alpn;
        if let Some(path) = self.key_log {
            let file = KeyLogFile::open(&path).map_err(|error| {
                TlsConfigError::new("key log", format!("{}: {error}", path.display()))
            })?;
            config.key_log = Arc::new(file);
        }
        Ok(Tls::from_rustls(Arc::new(config)))
    }

    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<Verifier>, TlsConfigError> {
        let mut roots = Vec::new();
        for pem in &self.roots {
            roots.extend(certificates(ROOTS, pem)?);
        }
        let algorithms = provider.signature_verification_algorithms;
        let provider = Arc::clone(provider);
        let certificates: Option<Arc<dyn ServerCertVerifier>> = if self.accept_any_certificate {
            None
        } else if roots.is_empty() || self.platform_roots {
            let verifier = if roots.is_empty() {
                rustls_platform_verifier::Verifier::new(provider)
            } else {
                platform::with_extra_roots(roots, provider)
            };
            Some(Arc::new(verifier.map_err(refused(PLATFORM))?))
        } else {
            let mut store = RootCertStore::empty();
            for root in roots {
                store.add(root).map_err(refused(ROOTS))?;
            }
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider);
            let verifier = verifier.build();
            Some(verifier.map_err(|error| TlsConfigError::new(ROOTS, error.to_string()))?)
        };
        Ok(Arc::new(Verifier {
            certificates,
            algorithms,
        }))
    }
}

const ROOTS: &str = "root certificates";
const PLATFORM: &str = "platform's root certificates";
const CLIENT_CERTIFICATE: &str = "client certificate";
const CLIENT_KEY: &str = "key of the client certificate";

fn certificates(
    part: &'static str,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|_| TlsConfigError::new(part, "the PEM text is damaged"))?;
    if found.is_empty() {
        return Err(TlsConfigError::new(
            part,
            "no certificate was found in the PEM text",
        ));
    }
    Ok(found)
}

/// Explains an error of rustls about a part of the settings. Its text contains nothing of them.
fn refused(part: &'static str) -> impl Fn(rustls::Error) -> TlsConfigError {
    move |error| match error {
        rustls::Error::General(text) => TlsConfigError::new(part, text),
        other => TlsConfigError::new(part, error::in_words(&other)),
    }
}

/// Prints no key and no certificate.
impl fmt::Debug for TlsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsBuilder")
            .field("own_roots", &!self.roots.is_empty())
            .field("client_certificate", &self.client_certificate.is_some())
            .field("accept_any_certificate", &self.accept_any_certificate)
            .finish_non_exhaustive()
    }
}
