//! A checked URL to fetch.

use std::borrow::Cow;
use std::str::FromStr;

use http::{HeaderValue, Uri};
use keepalive::{Host, Request, RequestError};
use keepalive_http::{Url, UrlError};

/// A URL to fetch, with its host. Clones copy no text.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) uri: Uri,
    pub(crate) host: Host,
    /// The header for the user name and password of the URL.
    pub(crate) authorization: Option<HeaderValue>,
}

impl FromStr for Target {
    type Err = TargetError;

    /// Parses a URL as browsers do; without a scheme, it is `http`.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        // Browsers would read the path as a host.
        if text.trim().is_empty() || text.starts_with('/') {
            return Err(TargetError::Empty);
        }
        let url: Url = with_scheme(text).parse()?;
        let uri = url.uri().clone();
        Ok(Self {
            host: host(&uri)?,
            uri,
            authorization: url.authorization().cloned(),
        })
    }
}

/// Resolves the `location` of a response from `uri`; fails if that is no HTTP URL.
pub(crate) fn location(uri: &Uri, location: &HeaderValue) -> Result<Url, TargetError> {
    let base: Url = uri.to_string().parse()?;
    // Browsers accept bytes outside UTF-8 too.
    Ok(base.join(&String::from_utf8_lossy(location.as_bytes()))?)
}

fn host(uri: &Uri) -> Result<Host, TargetError> {
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(TargetError::Empty);
    };
    let request: Request = format!("{scheme}://{authority}").parse()?;
    Ok(request.host().clone())
}

/// Puts `http://` before a text without a scheme.
fn with_scheme(text: &str) -> Cow<'_, str> {
    let text = text.trim_start();
    let end = text.find(['/', '?', '#']).unwrap_or(text.len());
    // A name with a colon before all slashes is a scheme, or a host with its port.
    let is_scheme = text[..end].split_once(':').is_some_and(|(name, rest)| {
        let is_http = ["http", "https"]
            .iter()
            .any(|http| name.eq_ignore_ascii_case(http));
        is_http || rest.is_empty() && text[end..].starts_with("//") && is_scheme(name)
    });
    match is_scheme {
        true => text.into(),
        false => format!("http://{text}").into(),
    }
}

/// RFC 3986, section 3.1.
fn is_scheme(name: &str) -> bool {
    let mut signs = name.chars();
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && signs.all(|sign| sign.is_ascii_alphanumeric() || "+-.".contains(sign))
}

/// The text is no URL to fetch. No message repeats a password in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("there is no host in it; write http://host/path")]
    Empty,
    #[error("not a URL: {0}")]
    Url(#[from] UrlError),
    #[error("not a URL: {0}")]
    Host(#[from] RequestError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_spellings_of_a_url_have_one_host() {
        let [a, b] = ["http://Localhost/x", "http://localhost:80/y?z#w"]
            .map(|text| text.parse::<Target>().unwrap());
        assert_eq!(a.host, b.host);
        assert_eq!(b.uri.to_string(), "http://localhost/y?z");
        assert!("HTTPS://[::1]:8443".parse::<Target>().is_ok());
        let empty_port: Target = "http://localhost:/".parse().unwrap();
        assert_eq!(empty_port.host, a.host);
    }

    #[test]
    fn urls_are_parsed_as_by_browsers_and_curl() {
        for (text, uri) in [
            ("h.test", "http://h.test/"),
            ("h.test:81/a?b", "http://h.test:81/a?b"),
            ("localhost:8080", "http://localhost:8080/"),
            ("user:secret@h.test/x", "http://h.test/x"),
            ("h.test/a:b", "http://h.test/a:b"),
            ("h.test?next=http://x/", "http://h.test/?next=http://x/"),
            ("[::1]:81", "http://[::1]:81/"),
            ("  HTTPS://H.test\t", "https://h.test/"),
            ("http:h.test", "http://h.test/"),
            ("https:/h.test/a", "https://h.test/a"),
            ("http://h.test/a b?ä=ö", "http://h.test/a%20b?%C3%A4=%C3%B6"),
            ("http://bücher.test/", "http://xn--bcher-kva.test/"),
            ("http://h.test/a/./b/../c", "http://h.test/a/c"),
            ("http://0x7f.1/", "http://127.0.0.1/"),
        ] {
            let target: Target = text.parse().expect(text);
            assert_eq!(target.uri.to_string(), uri, "{text}");
        }
    }

    #[test]
    fn credentials_of_a_url_become_a_header() {
        let target: Target = "http://me:secret@h.test/".parse().unwrap();
        assert_eq!(target.authorization.as_ref().unwrap(), "Basic bWU6c2VjcmV0");
        assert!(!format!("{target:?}").contains("secret"), "{target:?}");
        assert!(!format!("{target:?}").contains("c2Vj"), "{target:?}");
    }

    #[test]
    fn a_location_is_resolved_against_its_url() {
        for (bytes, uri) in [
            (&b"../x?y#z"[..], "http://h.test/x?y"),
            (b"//other.test:81", "http://other.test:81/"),
            (b"https://h.test", "https://h.test/"),
            ("/\u{fc}".as_bytes(), "http://h.test/%C3%BC"),
            (b"/\xfc b", "http://h.test/%EF%BF%BD%20b"),
            (b"", "http://h.test/a/b?c"),
        ] {
            let value = HeaderValue::from_bytes(bytes).unwrap();
            let from = "http://h.test/a/b?c".parse().unwrap();
            assert_eq!(location(&from, &value).unwrap().to_string(), uri);
        }
        let from = "http://h.test/".parse().unwrap();
        let value = HeaderValue::from_static("ftp://h.test/");
        let error = location(&from, &value).unwrap_err().to_string();
        assert!(error.contains("\"ftp\" is not HTTP"), "{error}");
    }

    #[test]
    fn a_text_that_is_no_url_to_fetch_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "no host"),
            (" ", "no host"),
            ("http://", "no host"),
            ("/x", "no host"),
            (
                "http://a b/",
                "' ' is not allowed in the name of a host (character 9 of the URL)",
            ),
            ("ftp://h/", "\"ftp\" is not HTTP"),
            ("file:///etc/passwd", "\"file\" is not HTTP"),
            ("mailto:secret", "port"),
            ("http://user:secret@256.1.1.1/", "256.1.1.1"),
            ("http://h:0/", "port"),
            ("http://h:99999/", "99999"),
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
