//! Reads a certificate in DER.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_cert::Certificate as Parsed;
use x509_cert::der::{Decode, Error};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::time::Time;

const DAY: u64 = 24 * 60 * 60;

/// The parts of a certificate that are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The subject; may be empty if there are names.
    pub(crate) subject: String,
    /// The issuer.
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
    /// The bytes are no certificate.
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

    /// The whole days from `now`; negative for the past.
    pub(crate) fn days_after(self, now: SystemTime) -> i64 {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let (then, now) = (self.seconds.cast_signed(), now.as_secs().cast_signed());
        (then - now).div_euclid(DAY.cast_signed())
    }

    /// The format of RFC 3339.
    pub(crate) fn rfc3339(self) -> String {
        self.time.to_date_time().to_string()
    }
}
