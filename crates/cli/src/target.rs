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
        if !text.contains("://") {
            return Err(TargetError::NoScheme);
        }
        let uri: Uri = text.parse()?;
        uri.try_into()
    }
}

impl TryFrom<Uri> for Target {
    type Error = TargetError;

    fn try_from(uri: Uri) -> Result<Self, TargetError> {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(TargetError::NoScheme);
        };
        if !matches!(scheme, "http" | "https") {
            return Err(TargetError::Scheme(scheme.to_owned()));
        }
        if authority.as_str().contains('@') {
            return Err(TargetError::UserInformation);
        }
        let request: Request = format!("{scheme}://{authority}").parse()?;
        let host = request.host().clone();
        Ok(Self { uri, host })
    }
}

/// Why a text is no URL to fetch. Passwords in it are not repeated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("not a URL: {0}")]
    Invalid(#[from] InvalidUri),
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
    }

    #[test]
    fn what_is_refused_says_why() {
        for (text, reason) in [
            ("", "no scheme"),
            ("example.com/x", "no scheme"),
            ("http://", "not a URL"),
            ("http://a b/", "not a URL"),
            ("ftp://h/", "\"ftp\""),
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
