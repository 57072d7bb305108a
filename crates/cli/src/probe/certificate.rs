//! What a certificate says of itself.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_cert::Certificate as Parsed;
use x509_cert::der::{Decode, Error};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::time::Time;

const DAY: u64 = 24 * 60 * 60;

/// The parts that people look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// Whose it is; may be empty where there are names.
    pub(crate) subject: String,
    /// Who signed it.
    pub(crate) issuer: String,
    /// The names and addresses that it is valid for.
    pub(crate) names: Vec<String>,
    pub(crate) from: Moment,
    pub(crate) until: Moment,
}

/// A point in time, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    seconds: u64,
    time: Time,
}

impl Certificate {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    ///
    /// It is none.
    pub(crate) fn read(der: &[u8]) -> Result<Self, Error> {
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
            from: Moment::of(validity.not_before),
            until: Moment::of(validity.not_after),
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

impl Moment {
    fn of(time: Time) -> Self {
        let seconds = time.to_unix_duration().as_secs();
        Self { seconds, time }
    }

    /// Whole days from `now` until then; below zero if it has passed.
    pub(crate) fn days_after(self, now: SystemTime) -> i64 {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let (then, now) = (self.seconds.cast_signed(), now.as_secs().cast_signed());
        (then - now).div_euclid(DAY.cast_signed())
    }

    /// As RFC 3339 writes it.
    pub(crate) fn rfc3339(self) -> String {
        self.time.to_date_time().to_string()
    }
}
