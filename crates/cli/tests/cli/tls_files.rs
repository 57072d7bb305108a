//! The settings of TLS servers, and files for their certificates.

use keepalive::rustls::ServerConfig;
pub(crate) use keepalive_testkit::tls::{Authority, Identity};

/// The settings of a server of HTTP/1.1. With `clients`, it requires a certificate that they signed.
pub(crate) fn config(identity: &Identity, clients: Option<&Authority>) -> ServerConfig {
    let mut config = identity.config_for(clients);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// Files for the flags, in a temporary folder.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file, and returns its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }
}
