//! What to fetch: a URL that was checked.

use std::str::FromStr;

use http::Uri;
use http::uri::InvalidUri;
use keepalive::{Host, Request, RequestError};

/// A URL that can be asked for, and the host that its limits go by. Clones copy no text.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) uri: Uri,
    pub(crate) host: Host,
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let (scheme, rest) = text.split_once("://").ok_or(TargetError::NoScheme)?;
        check_scheme(scheme)?;
        let uri = text.parse().map_err(|error| TargetError::Invalid {
            error,
            advice: advice(rest),
        });
        uri.and_then(|uri: Uri| uri.try_into())
    }
}

impl TryFrom<Uri> for Target {
    type Error = TargetError;

    fn try_from(uri: Uri) -> Result<Self, TargetError> {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(TargetError::NoScheme);
        };
        check_scheme(scheme)?;
        if authority.as_str().contains('@') {
            return Err(TargetError::UserInformation);
        }
        // An empty port is the scheme's own (RFC 3986, section 3.2.3).
        let authority = authority.as_str();
        let place = authority.strip_suffix(':').unwrap_or(authority);
        let request: Request = format!("{scheme}://{place}").parse()?;
        let host = request.host().clone();
        Ok(Self { uri, host })
    }
}

fn check_scheme(scheme: &str) -> Result<(), TargetError> {
    if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") {
        return Ok(());
    }
    // Something else may be a password that has come to the wrong place.
    let is_scheme = |sign: char| sign.is_ascii_alphanumeric() || "+-.".contains(sign);
    Err(match !scheme.is_empty() && scheme.chars().all(is_scheme) {
        true => TargetError::Scheme(scheme.to_owned()),
        false => TargetError::NoScheme,
    })
}

/// What to do about a URL of which this, after its scheme, can not be read.
fn advice(rest: &str) -> &'static str {
    let host = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    match host {
        "" => "; there is no host in it",
        host if !host.is_ascii() => "; give the ASCII form of the name (punycode, \"xn--...\")",
        host if rest[host.len()..].contains(' ') => "; write a space as %20",
        _ => "",
    }
}

/// Why a text is no URL to fetch. Passwords in it are not repeated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("not a URL: {error}{advice}")]
    Invalid {
        error: InvalidUri,
        advice: &'static str,
    },
    #[error("not a URL: it has no scheme and host; write http://host/path")]
    NoScheme,
    #[error("the scheme {0:?} is not served; http and https are")]
    Scheme(String),
    #[error("a URL with a user name or password is not served")]
    UserInformation,
    #[error("{0}")]
    Host(#[from] RequestError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_share_a_host() {
        let [a, b] = ["http://Localhost/x", "http://localhost:80/y?z#w"]
            .map(|text| text.parse::<Target>().unwrap());
        assert_eq!(a.host, b.host);
        assert_eq!(b.uri.to_string(), "http://localhost:80/y?z");
        assert!("HTTPS://[::1]:8443".parse::<Target>().is_ok());
        let empty_port: Target = "http://localhost:/".parse().unwrap();
        assert_eq!(empty_port.host, a.host);
    }

    #[test]
    fn what_is_refused_says_why() {
        for (text, reason) in [
            ("", "no scheme"),
            ("example.com/x", "no scheme"),
            ("http://", "no host"),
            ("http:///x", "no host"),
            ("http://a b/", "uri character"),
            ("http://h/a b", "%20"),
            ("http://bücher.test/", "xn--"),
            ("ftp://h/", "\"ftp\""),
            ("file:///etc/passwd", "\"file\""),
            ("me:secret@h://x", "no scheme"),
            ("://h", "no scheme"),
            ("http://user:secret@h/", "password is not served"),
            ("http://256.1.1.1/", "256.1.1.1"),
            ("http://h:0/", "port"),
            ("http://h:99999/", "99999"),
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
