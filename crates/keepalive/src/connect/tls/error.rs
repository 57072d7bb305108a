//! Errors of rustls, explained to the user of a connection.

use std::fmt::Display;
use std::io;
use std::time::{Duration, SystemTime};

use httpdate::fmt_http_date;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError};

/// The text for a handshake that the peer has cut off.
pub(crate) const ENDED: &str = "the peer closed the connection during the handshake";

/// The text for a stream that the peer has cut off.
pub(crate) const CUT: &str = "the peer closed the connection without announcing it by TLS \
                              (close_notify), so that something may be missing";

/// The same error; explained, if it is one of rustls, or an end that is `cut` off.
pub(crate) fn explain(error: io::Error, cut: &'static str) -> io::Error {
    let known: Option<&rustls::Error> = error.get_ref().and_then(|inner| inner.downcast_ref());
    match known {
        Some(known) => io::Error::new(error.kind(), Explained(known.clone())),
        None if error.kind() == io::ErrorKind::UnexpectedEof => io::Error::new(error.kind(), cut),
        None => error,
    }
}

pub(crate) fn explained(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Explained(error))
}

/// An explained error of rustls, which is its source.
#[derive(Debug, thiserror::Error)]
#[error("{}", in_words(.0))]
struct Explained(#[source] rustls::Error);

/// The explanation of the error.
pub(crate) fn in_words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => certificate(error),
        rustls::Error::AlertReceived(alert) => received(*alert),
        rustls::Error::InvalidMessage(_) => "the peer does not speak TLS on this port".to_owned(),
        rustls::Error::PeerIncompatible(why) => {
            let why = plain(&format!("{why:?}"), ' ');
            format!("the peer speaks no TLS that fits: {why}")
        }
        rustls::Error::PeerMisbehaved(why) => {
            let why = plain(&format!("{why:?}"), ' ');
            format!("the peer breaks the rules of TLS: {why}")
        }
        rustls::Error::InappropriateMessage { .. }
        | rustls::Error::InappropriateHandshakeMessage { .. } => {
            "the peer breaks the rules of TLS: a message comes at the wrong time".to_owned()
        }
        other => other.to_string(),
    }
}

fn certificate(error: &CertificateError) -> String {
    let text = match error {
        CertificateError::Expired => "the certificate has expired",
        CertificateError::ExpiredContext { not_after, .. } => {
            let end = date(*not_after);
            return format!("the certificate has expired: it was valid until {end}");
        }
        CertificateError::NotValidYet => "the certificate is not valid yet",
        CertificateError::NotValidYetContext { not_before, .. } => {
            let begin = date(*not_before);
            return format!("the certificate is not valid yet: it will be from {begin}");
        }
        CertificateError::NotValidForName => {
            "wrong name: the certificate is not valid for this host"
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let (expected, others) = (expected.to_str(), names(presented));
            return format!("wrong name: the certificate is not valid for {expected}, {others}");
        }
        CertificateError::UnknownIssuer => {
            "unknown root: the issuer of the certificate is not among the trusted roots, or the \
             server has left out an intermediate certificate"
        }
        CertificateError::Revoked => "the certificate has been revoked",
        CertificateError::Other(other) => match other.0.downcast_ref() {
            Some(webpki::Error::CaUsedAsEndEntity) => {
                "the certificate is one of an authority, which signs others and is not accepted as \
                 a server's own; the server must show one that is not marked CA:TRUE"
            }
            Some(fault) => return not_accepted(fault),
            None => return other.0.to_string(),
        },
        other => return not_accepted(other),
    };
    text.to_owned()
}

fn not_accepted(fault: &dyn Display) -> String {
    let why = plain(&fault.to_string(), ' ');
    format!("the certificate is not accepted: {why}")
}

/// Maximum number of names shown. The owner of a certificate chooses its names; a few identify it.
const MOST_NAMES: usize = 8;

fn names(presented: &[String]) -> String {
    if presented.is_empty() {
        return "and for no other name either".to_owned();
    }
    // The names have the form `DnsName("h.test")` or `IpAddress(192.0.2.1)`.
    let bare = |name: &'_ String| {
        let inner = name.split_once('(').map(|(_, name)| name.strip_suffix(')'));
        inner.flatten().unwrap_or(name).trim_matches('"').to_owned()
    };
    let shown: Vec<_> = presented.iter().take(MOST_NAMES).map(bare).collect();
    let shown = shown.join(", ");
    match presented.len().saturating_sub(MOST_NAMES) {
        0 => format!("only for {shown}"),
        more => format!("only for {shown} and {more} more"),
    }
}

fn received(alert: AlertDescription) -> String {
    use AlertDescription as Alert;
    // The name in RFC 8446, section 6, or the number if it has none.
    let name = format!("{alert:?}");
    let name = match is_name(&name) {
        true => plain(&name, '_'),
        false => u8::from(alert).to_string(),
    };
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
        _ => return format!("the peer ended TLS with the alert {name}"),
    };
    format!("the peer refused: {meaning} (alert {name})")
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
