//! Certificates, and the settings of servers that show them: the TLS fixture of all crates' tests.

use std::sync::{Arc, LazyLock};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// The subject of a certificate that is issued without one.
const SUBJECT: &str = "the server";

/// Signs certificates.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub fn root(name: &str) -> Self {
        let issuer = CertifiedIssuer::self_signed(Self::params(name), key());
        Self {
            issuer: issuer.expect("a root"),
        }
    }

    pub fn intermediate(&self, name: &str) -> Self {
        let issuer = CertifiedIssuer::signed_by(Self::params(name), key(), &self.issuer);
        Self {
            issuer: issuer.expect("an intermediate"),
        }
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = named(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    pub fn pem(&self) -> String {
        self.issuer.as_ref().pem()
    }

    pub fn certificate(&self) -> CertificateDer<'static> {
        self.issuer.as_ref().der().clone()
    }

    /// A certificate for these names and addresses.
    pub fn issue(&self, names: &[&str]) -> Identity {
        self.issue_as(SUBJECT, names)
    }

    /// A certificate of `subject` for these names and addresses.
    pub fn issue_as(&self, subject: &str, names: &[&str]) -> Identity {
        self.issue_with(subject, names, |_| {})
    }

    /// A certificate of `subject`, with parameters that `change` has changed.
    pub fn issue_with(
        &self,
        subject: &str,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let mut params = named(subject, names);
        change(&mut params);
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity::new(&certificate, key)
    }
}

fn named(subject: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().copied().map(Into::into).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, subject);
    params
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// A certificate, its chain, and its key.
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    /// The certificate without its chain. A client that trusts a self-signed one takes it as a root.
    pub pem: String,
    key: KeyPair,
}

impl Identity {
    fn new(certificate: &rcgen::Certificate, key: KeyPair) -> Self {
        Self {
            chain: vec![certificate.der().clone()],
            pem: certificate.pem(),
            key,
        }
    }

    /// A self-signed certificate for this name or address.
    pub fn self_signed(name: &str) -> Self {
        let key = key();
        let certificate = named(SUBJECT, &[name]).self_signed(&key);
        Self::new(&certificate.expect("a certificate"), key)
    }

    /// A self-signed certificate for 127.0.0.1, made at its first use.
    pub fn local() -> &'static Self {
        static LOCAL: LazyLock<Identity> = LazyLock::new(|| Identity::self_signed("127.0.0.1"));
        &LOCAL
    }

    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// The same, with the certificate of `authority` at the end of the chain.
    pub fn followed_by(mut self, authority: &Authority) -> Self {
        self.chain.push(authority.certificate());
        self
    }

    /// The settings of a server with this certificate.
    pub fn config(&self) -> ServerConfig {
        self.config_for(None)
    }

    /// The settings of a server that speaks these protocols, by ALPN.
    pub fn config_speaking(&self, protocols: &[&str]) -> ServerConfig {
        let mut config = self.config();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        config
    }

    /// The settings of a server that requires client certificates signed by `clients`.
    pub fn config_for(&self, clients: Option<&Authority>) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(clients.certificate()).expect("a root");
                let roots = Arc::new(roots);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                config.with_client_cert_verifier(verifier.build().expect("a verifier"))
            }
        };
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).expect("a key");
        config
            .with_single_cert(self.chain.clone(), key)
            .expect("a certificate and its key")
    }

    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::new(self.config()))
    }
}
