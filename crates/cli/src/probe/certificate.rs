//! Reads a certificate in DER.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use x509_cert::Certificate as Parsed;
use x509_cert::der::{Decode, Error};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::time::Time;

const DAY: u64 = 24 * 60 * 60;

/// A certificate that the server presented.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Presented {
    Read(Certificate),
    Unreadable { error: String },
}

impl Presented {
    pub(crate) fn read(der: &[u8]) -> Self {
        match Certificate::read(der) {
            Ok(certificate) => Self::Read(certificate),
            Err(error) => Self::Unreadable {
                error: error.to_string(),
            },
        }
    }
}

/// The parts of a certificate that are shown. Times have the format of RFC 3339.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Certificate {
    /// The subject; may be empty if there are names.
    pub(crate) subject: String,
    /// The issuer.
    pub(crate) issuer: String,
    /// The names and addresses that it is valid for.
    pub(crate) names: Vec<String>,
    not_before: String,
    pub(crate) not_after: String,
    /// The whole days from now; negative if it has expired.
    pub(crate) days_left: i64,
}

impl Certificate {
    fn read(der: &[u8]) -> Result<Self, Error> {
        let parsed = Parsed::from_der(der)?;
        let body = parsed.tbs_certificate();
        let validity = body.validity();
        let names = match body.get_extension::<SubjectAltName>()? {
            Some((_critical, names)) => names.0.iter().filter_map(name).collect(),
            None => Vec::new(),
        };
        Ok(Self {
            subject: body.subject().to_string(),
            issuer: body.issuer().to_string(),
            names,
            not_before: validity.not_before.to_date_time().to_string(),
            not_after: validity.not_after.to_date_time().to_string(),
            days_left: days_left(validity.not_after),
        })
    }
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

fn days_left(until: Time) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or(Duration::ZERO).as_secs().cast_signed();
    let then = until.to_unix_duration().as_secs().cast_signed();
    (then - now).div_euclid(DAY.cast_signed())
}
