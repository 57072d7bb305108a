//! Errors of rustls, explained to the user of a connection.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use httpdate::fmt_http_date;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError};

use crate::connect::ConnectError;

/// The error of a failed handshake with `place`, at `peer`.
pub(crate) fn of_handshake(
    error: io::Error,
    place: &dyn fmt::Display,
    peer: Option<SocketAddr>,
) -> ConnectError {
    let detail = match peer {
        Some(peer) => format!("{place} ({peer})"),
        None => place.to_string(),
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

/// The same error; explained, if it is one of rustls.
pub(crate) fn explain(error: io::Error) -> io::Error {
    match rustls_error(&error) {
        Some(known) => io::Error::new(error.kind(), Explained::new(known.clone())),
        None if error.kind() == io::ErrorKind::UnexpectedEof => io::Error::new(error.kind(), CUT),
        None => error,
    }
}

const CUT: &str = "the peer closed the connection without announcing it by TLS (close_notify), so \
                   that something may be missing";

/// The explanation of the error.
pub(crate) fn in_words(error: &rustls::Error) -> String {
    Explained::new(error.clone()).to_string()
}

pub(crate) fn explained(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Explained::new(error))
}

fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// An explained error of rustls, which is its source.
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
            rustls::Error::InvalidMessage(_) => {
                f.write_str("the peer does not speak TLS on this port")
            }
            rustls::Error::PeerIncompatible(why) => {
                let why = plain(&format!("{why:?}"), ' ');
                write!(f, "the peer speaks no TLS that fits: {why}")
            }
            rustls::Error::PeerMisbehaved(why) => {
                let why = plain(&format!("{why:?}"), ' ');
                write!(f, "the peer breaks the rules of TLS: {why}")
            }
            rustls::Error::InappropriateMessage { .. }
            | rustls::Error::InappropriateHandshakeMessage { .. } => {
                f.write_str("the peer breaks the rules of TLS: a message comes at the wrong time")
            }
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
            Some(fault) => {
                let why = plain(&fault.to_string(), ' ');
                write!(f, "the certificate is not accepted: {why}")
            }
            None => write!(f, "{}", other.0),
        },
        other => {
            let why = plain(&other.to_string(), ' ');
            write!(f, "the certificate is not accepted: {why}")
        }
    }
}

/// Maximum number of names shown. The owner of a certificate chooses its names; a few identify it.
const MOST_NAMES: usize = 8;

fn names(f: &mut fmt::Formatter<'_>, presented: &[String]) -> fmt::Result {
    if presented.is_empty() {
        return f.write_str("and for no other name either");
    }
    f.write_str("only for ")?;
    for (n, name) in presented.iter().take(MOST_NAMES).enumerate() {
        let separator = if n == 0 { "" } else { ", " };
        // The names have the form `DnsName("h.test")` or `IpAddress(192.0.2.1)`.
        let bare = name
            .split_once('(')
            .and_then(|(_, name)| name.strip_suffix(')'));
        let bare = bare.unwrap_or(name).trim_matches('"');
        write!(f, "{separator}{bare}")?;
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
        _ => return write!(f, "the peer ended TLS with the alert {}", Alerted(alert)),
    };
    write!(f, "the peer refused: {meaning} (alert {})", Alerted(alert))
}

/// The name of an alert in RFC 8446, section 6, or its number if it has none.
struct Alerted(AlertDescription);

impl fmt::Display for Alerted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{:?}", self.0);
        match is_name(&name) {
            true => f.write_str(&plain(&name, '_')),
            false => write!(f, "{}", u8::from(self.0)),
        }
    }
}

fn is_name(text: &str) -> bool {
    text.chars().all(|sign| sign.is_ascii_alphanumeric())
}

/// The name of a variant as words, joined by `between`; any other text unchanged.
fn plain(text: &str, between: char) -> String {
    if !is_name(text) {
        return text.to_owned();
    }
    let mut words = String::new();
    let mut before = ' ';
    for sign in text.chars() {
        if before.is_ascii_lowercase() && sign.is_ascii_uppercase() {
            words.push(between);
        }
        words.push(sign.to_ascii_lowercase());
        before = sign;
    }
    words
}

fn date(time: UnixTime) -> String {
    // A date beyond the format counts as its latest date.
    let latest = Duration::from_secs(253_402_300_799);
    let since = Duration::from_secs(time.as_secs()).min(latest);
    fmt_http_date(SystemTime::UNIX_EPOCH + since)
}
