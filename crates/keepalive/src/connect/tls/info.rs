//! The negotiated parameters of a connection.

use std::fmt;

use rustls::{ClientConnection, HandshakeKind, ProtocolVersion};

/// The negotiated parameters of a TLS connection, see [`NetStream::tls`](crate::NetStream::tls).
#[derive(Clone, Copy)]
pub struct TlsInfo<'a> {
    pub(crate) session: &'a ClientConnection,
}

impl<'a> TlsInfo<'a> {
    /// The version of the protocol: `TLS 1.3` or `TLS 1.2`.
    pub fn version(&self) -> &'static str {
        match self.session.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "unknown",
        }
    }

    /// The cipher suite, such as `TLS13_AES_256_GCM_SHA384`.
    pub fn cipher_suite(&self) -> &'static str {
        let suite = self.session.negotiated_cipher_suite();
        suite
            .and_then(|suite| suite.suite().as_str())
            .unwrap_or("unknown")
    }

    /// The application protocol that the server chose, if it did.
    pub fn alpn(&self) -> Option<&'a [u8]> {
        self.session.alpn_protocol()
    }

    /// Whether an earlier session with the server was resumed.
    pub fn is_resumed(&self) -> bool {
        self.session.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The certificates of the server, its own first, each in DER. A resumed session has those of
    /// the original session.
    pub fn peer_certificates(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let certificates = self.session.peer_certificates().unwrap_or_default();
        certificates.iter().map(AsRef::as_ref)
    }
}

impl fmt::Debug for TlsInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsInfo")
            .field("version", &self.version())
            .field("cipher_suite", &self.cipher_suite())
            .field("alpn", &self.alpn().map(String::from_utf8_lossy))
            .field("is_resumed", &self.is_resumed())
            .finish_non_exhaustive()
    }
}
