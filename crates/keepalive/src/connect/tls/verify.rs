//! Verifies certificates, and explains chains without a trusted root.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};
use webpki::EndEntityCert;

/// Verifies that the peer has its private key, and its certificates.
#[derive(Debug)]
pub(crate) struct Verifier {
    /// Verifies the certificates. Its "unknown issuer" is explained by them. Without it, every
    /// certificate is accepted.
    pub(crate) certificates: Option<Arc<dyn ServerCertVerifier>>,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(certificates) = &self.certificates else {
            return Ok(ServerCertVerified::assertion());
        };
        certificates
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| match error {
                rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
                    let chain = UnknownIssuer::of(end_entity, intermediates);
                    let chain = CertificateError::Other(OtherError(Arc::new(chain)));
                    rustls::Error::InvalidCertificate(chain)
                }
                other => other,
            })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The end of a chain without a trusted root.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum UnknownIssuer {
    /// The peer's own certificate is self-signed.
    #[error(
        "unknown root: the server's certificate {subject:?} is self-signed and is not among the \
         trusted roots"
    )]
    SelfSigned { subject: String },
    /// The chain ends in a root that is not trusted.
    #[error("unknown root: the chain ends in {subject:?}, which is not among the trusted roots")]
    Root { subject: String },
    /// The peer sent its own certificate alone, or along with unrelated ones.
    #[error(
        "unknown issuer: the server has sent its own certificate alone, whose issuer {issuer:?} \
         is not among the trusted roots; either the chain is truncated, and the server must send \
         its intermediate certificates too, or the root is unknown"
    )]
    Alone { issuer: String },
    /// The issuer of the last of several certificates is unknown.
    #[error(
        "unknown issuer: the chain ends with a certificate whose issuer {issuer:?} is not among \
         the trusted roots; either the root is unknown, or the chain is truncated, and the server \
         must send a further intermediate certificate"
    )]
    Open { issuer: String },
}

/// Maximum length of a chain that is examined; real chains are shorter.
const MOST_LINKS: usize = 16;

impl UnknownIssuer {
    fn of(end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Self {
        let names = |certificate| Names::of(certificate).unwrap_or_default();
        let others: Vec<Names> = intermediates.iter().take(MOST_LINKS).map(names).collect();
        let mut last = names(end_entity);
        let mut links = 0;
        while !last.is_self_signed() && links < others.len() {
            let Some(issuer) = others.iter().find(|other| other.subject == last.issuer) else {
                break;
            };
            last = issuer.clone();
            links += 1;
        }
        let (subject, issuer) = (shown(&last.subject), shown(&last.issuer));
        match (last.is_self_signed(), links) {
            (true, 0) => Self::SelfSigned { subject },
            (true, _) => Self::Root { subject },
            (false, 0) => Self::Alone { issuer },
            (false, _) => Self::Open { issuer },
        }
    }
}

/// The two names in a certificate, as they are encoded.
#[derive(Clone, Default)]
struct Names {
    subject: Vec<u8>,
    issuer: Vec<u8>,
}

impl Names {
    fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let certificate = EndEntityCert::try_from(certificate).ok()?;
        Some(Self {
            subject: certificate.subject().to_vec(),
            issuer: certificate.issuer().to_vec(),
        })
    }

    fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
    }
}

/// The common name in an encoded name, or else its organisation.
fn shown(name: &[u8]) -> String {
    let found = attribute(name, COMMON_NAME).or_else(|| attribute(name, ORGANISATION));
    found.unwrap_or_else(|| "without a common name".to_owned())
}

/// `id-at-commonName` and `id-at-organizationName`, as they are encoded.
const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
const ORGANISATION: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x0a];

/// The value of an attribute. Its type is followed by the kind of text, the length in one byte, and
/// the text; text longer than 127 bytes is skipped.
fn attribute(name: &[u8], kind: &[u8]) -> Option<String> {
    let at = name.windows(kind.len()).position(|bytes| bytes == kind)?;
    let [_, length, text @ ..] = &name[at + kind.len()..] else {
        return None;
    };
    let text = text.get(..usize::from(*length))?;
    Some(String::from_utf8_lossy(text).into_owned())
}
