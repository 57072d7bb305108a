//! The TLS settings of our servers: one certificate, made at its first use.

use std::sync::{Arc, LazyLock};

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

static CERTIFIED: LazyLock<CertifiedKey<KeyPair>> = LazyLock::new(|| {
    let names = vec!["127.0.0.1".to_owned()];
    generate_simple_self_signed(names).expect("a certificate")
});

/// The root that vouches for our servers.
pub fn root_pem() -> String {
    CERTIFIED.cert.pem()
}

pub(super) fn acceptor() -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(CERTIFIED.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![CERTIFIED.cert.der().clone()], key);
    TlsAcceptor::from(Arc::new(config.expect("a certificate and its key")))
}
