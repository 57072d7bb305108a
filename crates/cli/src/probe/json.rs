//! Formats a probe's report as one JSON object.

use std::net::IpAddr;
use std::time::SystemTime;

use keepalive::{Families, Origin};
use serde::Serialize;

use crate::failure::Failure;
use crate::probe::certificate::Certificate;
use crate::probe::path::{End, Lookup, Span, Try};
use crate::probe::{Report, TlsReport};
use crate::timing::{Phases, micros};

/// Formats the object, with a line break.
pub(crate) fn of(report: &Report) -> String {
    let object = Object {
        target: &report.host,
        connected: report.failure.is_none(),
        proxy: report.path.proxy.as_deref(),
        forwarded: report.is_forwarded,
        lookups: report.path.lookups.iter().map(lookup).collect(),
        attempts: report.path.tries.iter().map(attempt).collect(),
        tls: report.tls.as_ref().map(tls),
        timing: Phases::from(report.timing),
        total_us: micros(report.took),
        error: report.failure.as_ref(),
    };
    let mut text = serde_json::to_string(&object).expect("all of it can be written as JSON");
    text.push('\n');
    text
}

/// Times are microseconds since the request for a connection. Unknown values are null.
#[derive(Serialize)]
struct Object<'a> {
    target: &'a str,
    connected: bool,
    proxy: Option<&'a str>,
    /// Whether the path ends at a forwarding proxy.
    forwarded: bool,
    lookups: Vec<LookupObject<'a>>,
    attempts: Vec<AttemptObject>,
    tls: Option<TlsObject<'a>>,
    timing: Phases,
    total_us: u64,
    error: Option<&'a Failure>,
}

#[derive(Serialize)]
struct LookupObject<'a> {
    name: &'a str,
    families: &'static str,
    outcome: &'static str,
    /// The source of the addresses.
    origin: Option<&'static str>,
    addresses: &'a [IpAddr],
    from_us: u64,
    to_us: u64,
    error: Option<Failure>,
}

#[derive(Serialize)]
struct AttemptObject {
    address: String,
    outcome: &'static str,
    from_us: u64,
    to_us: u64,
    error: Option<Failure>,
}

#[derive(Serialize)]
struct TlsObject<'a> {
    version: &'a str,
    cipher_suite: &'a str,
    alpn: Option<&'a str>,
    certificates: Vec<CertificateObject<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum CertificateObject<'a> {
    Read {
        subject: &'a str,
        issuer: &'a str,
        names: &'a [String],
        not_before: String,
        not_after: String,
        /// Negative if it has expired.
        days_left: i64,
    },
    Unreadable {
        error: &'a str,
    },
}

fn lookup(lookup: &Lookup) -> LookupObject<'_> {
    let Span { from, to } = lookup.span;
    let (outcome, origin, addresses, error): (_, _, &[IpAddr], _) = match &lookup.end {
        End::Outcome((origin, Ok(addresses))) => ("found", Some(*origin), addresses, None),
        End::Outcome((origin, Err(error))) => ("failed", Some(*origin), &[], Some(error)),
        End::GivenUp => ("given_up", None, &[], None),
        End::Open | End::Unanswered => ("unanswered", None, &[], None),
    };
    LookupObject {
        name: &lookup.what.0,
        families: match lookup.what.1 {
            Families::V4 => "ipv4",
            Families::V6 => "ipv6",
            Families::Both => "both",
        },
        outcome,
        origin: origin.map(|origin| match origin {
            Origin::Given => "given",
            Origin::Kept => "kept",
            _ => "looked_up",
        }),
        addresses,
        from_us: micros(from),
        to_us: micros(to),
        error: error.map(Failure::from),
    }
}

fn attempt(one: &Try) -> AttemptObject {
    let Span { from, to } = one.span;
    let (outcome, error) = match &one.end {
        End::Outcome(Ok(())) => ("connected", None),
        End::Outcome(Err(error)) => ("failed", Some(error)),
        End::GivenUp => ("given_up", None),
        End::Open | End::Unanswered => ("unanswered", None),
    };
    AttemptObject {
        address: one.what.to_string(),
        outcome,
        from_us: micros(from),
        to_us: micros(to),
        error: error.map(Failure::from),
    }
}

fn tls(tls: &TlsReport) -> TlsObject<'_> {
    TlsObject {
        version: tls.version,
        cipher_suite: tls.cipher_suite,
        alpn: tls.alpn.as_deref(),
        certificates: tls.certificates.iter().map(certificate).collect(),
    }
}

fn certificate(read: &Result<Certificate, String>) -> CertificateObject<'_> {
    match read {
        Ok(certificate) => CertificateObject::Read {
            subject: &certificate.subject,
            issuer: &certificate.issuer,
            names: &certificate.names,
            not_before: certificate.from.rfc3339(),
            not_after: certificate.until.rfc3339(),
            days_left: certificate.until.days_after(SystemTime::now()),
        },
        Err(error) => CertificateObject::Unreadable { error },
    }
}
