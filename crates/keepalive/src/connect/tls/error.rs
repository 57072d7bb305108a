//! What rustls says, in words for the user of a connection.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use httpdate::fmt_http_date;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError};

use crate::connect::ConnectError;
use crate::host::Host;

/// A handshake with `host` failed, at `peer`.
pub(crate) fn of_handshake(
    error: io::Error,
    host: &Host,
    peer: Option<SocketAddr>,
) -> ConnectError {
    let detail = match peer {
        Some(peer) => format!("{} ({peer})", host.address()),
        None => host.address().to_string(),
    };
    let error = match rustls_error(&error) {
        Some(known) => ConnectError::new("tls", Explained::new(known.clone())),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            ConnectError::new("tls", io::Error::new(error.kind(), ENDED))
        }
        None => ConnectError::new("tls", error),
    };
    error.detail(detail)
}

const ENDED: &str = "the peer closed the connection during the handshake";

/// The same error; if rustls made it, in our words.
pub(crate) fn explain(error: io::Error) -> io::Error {
    match rustls_error(&error) {
        Some(known) => io::Error::new(error.kind(), Explained::new(known.clone())),
        None => error,
    }
}

pub(crate) fn explained(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Explained::new(error))
}

fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// An error of rustls, which is its source, with what a user wants to know first.
#[derive(Debug)]
struct Explained {
    source: rustls::Error,
}

impl Explained {
    fn new(source: rustls::Error) -> Self {
        Self { source }
    }
}

impl Error for Explained {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            rustls::Error::InvalidCertificate(error) => certificate(f, error),
            rustls::Error::AlertReceived(alert) => received(f, *alert),
            rustls::Error::InvalidMessage(_) => write!(
                f,
                "the peer does not speak TLS on this port ({})",
                self.source
            ),
            other => other.fmt(f),
        }
    }
}

fn certificate(f: &mut fmt::Formatter<'_>, error: &CertificateError) -> fmt::Result {
    match error {
        CertificateError::Expired => f.write_str("the certificate has expired"),
        CertificateError::ExpiredContext { not_after, .. } => {
            write!(
                f,
                "the certificate has expired: it was valid until {}",
                date(*not_after)
            )
        }
        CertificateError::NotValidYet => f.write_str("the certificate is not valid yet"),
        CertificateError::NotValidYetContext { not_before, .. } => {
            write!(
                f,
                "the certificate is not valid yet: it will be from {}",
                date(*not_before)
            )
        }
        CertificateError::NotValidForName => {
            f.write_str("wrong name: the certificate is not valid for this host")
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            write!(
                f,
                "wrong name: the certificate is not valid for {}, ",
                expected.to_str()
            )?;
            names(f, presented)
        }
        CertificateError::UnknownIssuer => f.write_str(
            "unknown root: the issuer of the certificate is not among the trusted roots, or the \
             server has left out an intermediate certificate",
        ),
        CertificateError::Revoked => f.write_str("the certificate has been revoked"),
        CertificateError::Other(other) => match other.0.downcast_ref() {
            Some(webpki::Error::CaUsedAsEndEntity) => f.write_str(
                "the certificate is one of an authority, which signs others and is not accepted \
                 as a server's own; the server must show one that is not marked CA:TRUE",
            ),
            _ => write!(f, "{}", other.0),
        },
        other => write!(f, "the certificate is not accepted: {other}"),
    }
}

/// The names in a certificate are its owner's to choose: a few are enough to see what it is.
const MOST_NAMES: usize = 8;

fn names(f: &mut fmt::Formatter<'_>, presented: &[String]) -> fmt::Result {
    if presented.is_empty() {
        return f.write_str("and for no other name either");
    }
    f.write_str("only for ")?;
    for (n, name) in presented.iter().take(MOST_NAMES).enumerate() {
        let separator = if n == 0 { "" } else { ", " };
        write!(f, "{separator}{name}")?;
    }
    match presented.len().saturating_sub(MOST_NAMES) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

fn received(f: &mut fmt::Formatter<'_>, alert: AlertDescription) -> fmt::Result {
    use AlertDescription as Alert;
    let meaning = match alert {
        Alert::CertificateRequired => "it wants a client certificate, and none was shown",
        Alert::NoCertificate
        | Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied => "it does not accept the client certificate, or wants one",
        Alert::NoApplicationProtocol => "it speaks none of the application protocols offered",
        Alert::UnrecognisedName => "it does not know the name of the host",
        Alert::ProtocolVersion => "it speaks neither TLS 1.3 nor TLS 1.2",
        Alert::HandshakeFailure | Alert::InsufficientSecurity => {
            "there is nothing that both sides accept, or it wants a client certificate"
        }
        _ => return write!(f, "the peer ended TLS with the alert {alert:?}"),
    };
    write!(f, "the peer refused: {meaning} (alert {alert:?})")
}

fn date(time: UnixTime) -> String {
    // What the format cannot show is as good as never.
    let latest = Duration::from_secs(253_402_300_799);
    let since = Duration::from_secs(time.as_secs()).min(latest);
    fmt_http_date(SystemTime::UNIX_EPOCH + since)
}
