//! A URL, parsed from text as browsers parse it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use http::{HeaderValue, Uri};
use keepalive::{Request, RequestError, authority};
use url::{ParseError, Position};

use crate::credentials;

/// A URL of `http` or `https`, parsed as the [WHATWG URL standard] defines and browsers do.
///
/// A name outside ASCII becomes its ASCII form (`bücher.example`: `xn--bcher-kva.example`). In path
/// and query, bytes that a server would refuse are percent-encoded. Dot segments are resolved, and
/// the fragment is dropped, as it is never sent to a server. A user name and a password become the
/// value of an `authorization` header (RFC 7617); neither [`uri`](Self::uri) nor `Debug` or an
/// error shows them.
///
/// This type rejects some URLs that the standard accepts. They have another scheme, port 0, to
/// which nothing can connect, or a name that no host can have. Such a name is `a!b`, or has more
/// than 253 characters.
///
/// An [`http::Uri`] is parsed more strictly: it rejects a name outside ASCII, and keeps dot
/// segments. A [`Client`](crate::Client) takes both.
///
/// [WHATWG URL standard]: https://url.spec.whatwg.org/
///
/// # Examples
///
/// ```
/// use keepalive_http::Url;
///
/// let url: Url = "http://me:secret@bücher.example/a/../straße?q=ä#top".parse()?;
/// assert_eq!(url.to_string(), "http://xn--bcher-kva.example/stra%C3%9Fe?q=%C3%A4");
/// assert_eq!(url.authorization().unwrap(), "Basic bWU6c2VjcmV0");
///
/// let error = "http://a b/".parse::<Url>().unwrap_err();
/// assert_eq!(error.to_string(), "' ' is not allowed in the name of a host (character 9 of the URL)");
/// # Ok::<(), keepalive_http::UrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// Without its fragment.
    whole: url::Url,
    uri: Uri,
    authorization: Option<HeaderValue>,
}

impl Url {
    /// The URL without user name, password and fragment.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The value of an `authorization` header, if the text has a user name or a password.
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// Resolves `reference` against this URL, as for a `location` header or a link.
    ///
    /// A reference to another host drops user name and password.
    ///
    /// # Errors
    ///
    /// If `reference` is no URL, or has another scheme.
    ///
    /// # Examples
    ///
    /// ```
    /// use keepalive_http::Url;
    ///
    /// let url: Url = "https://h.example/a/b".parse()?;
    /// assert_eq!(url.join("../c?d")?.to_string(), "https://h.example/c?d");
    /// assert_eq!(url.join("//other.example")?.to_string(), "https://other.example/");
    /// # Ok::<(), keepalive_http::UrlError>(())
    /// ```
    pub fn join(&self, reference: &str) -> Result<Self, UrlError> {
        let url = self.whole.join(reference);
        Self::checked(url.map_err(|error| fault(error, reference))?, reference)
    }

    pub(crate) fn into_parts(self) -> (Uri, Option<HeaderValue>) {
        (self.uri, self.authorization)
    }

    /// Checks the URL that the parser has made of `text`.
    fn checked(mut url: url::Url, text: &str) -> Result<Self, UrlError> {
        url.set_fragment(None);
        let scheme = url.scheme();
        if !matches!(scheme, "http" | "https") {
            // Another text before a colon may be a password in the wrong place.
            return Err(match text.contains("://") {
                true => UrlError::new(format!("the scheme {scheme:?} is not HTTP")),
                false => UrlError::new(NO_SCHEME),
            });
        }
        let host = url.host_str().ok_or_else(|| UrlError::new(NO_HOST))?;
        let port = url.port_or_known_default().unwrap_or_default();
        Request::new(scheme, host, port)?;
        let place = &url[Position::BeforeHost..Position::AfterPort];
        let path = &url[Position::BeforePath..Position::AfterQuery];
        let uri = Uri::try_from(format!("{scheme}://{place}{path}"));
        Ok(Self {
            uri: uri.map_err(|_| UrlError::new(TOO_LONG))?,
            authorization: credentials::basic(url.username(), url.password().unwrap_or_default()),
            whole: url,
        })
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let url = url::Url::parse(text).map_err(|error| fault(error, text))?;
        Self::checked(url, text)
    }
}

impl From<Url> for Uri {
    fn from(url: Url) -> Self {
        url.uri
    }
}

/// Writes the URL without user name and password.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

/// Shows whether there are credentials, but not their values.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Url")
            .field("uri", &format_args!("{}", self.uri))
            .field("authorization", &self.authorization.is_some())
            .finish()
    }
}

/// The error of a text that is no [`Url`].
///
/// The message names the wrong part, or the wrong character and its position. It repeats neither
/// user name nor password, nor path and query, which may be secret too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlError {
    text: Cow<'static, str>,
    /// The manager's error, if it is the cause.
    source: Option<RequestError>,
}

impl UrlError {
    fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            text: text.into(),
            source: None,
        }
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for UrlError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}

impl From<RequestError> for UrlError {
    fn from(error: RequestError) -> Self {
        Self {
            text: error.to_string().into(),
            source: Some(error),
        }
    }
}

const NO_SCHEME: &str = "it has no scheme; write http://host/path";
const NO_HOST: &str = "there is no host in it";
const TOO_LONG: &str = "it is longer than the 65,534 bytes that can be sent";

/// Finds the part of a text that the parser rejected.
fn fault(error: ParseError, text: &str) -> UrlError {
    let host = Host::of(text);
    UrlError::new(match error {
        ParseError::RelativeUrlWithoutBase => NO_SCHEME.into(),
        ParseError::EmptyHost => NO_HOST.into(),
        ParseError::InvalidPort => match host.port() {
            Some(port) => format!("the port {port} is above 65535"),
            None => "its port is not a number".into(),
        },
        ParseError::InvalidIpv4Address => format!(
            "{:?} looks like a number but is not an IPv4 address, such as 127.0.0.1",
            host.name
        ),
        ParseError::InvalidIpv6Address if host.name.contains('%') => {
            "an IPv6 address in a URL has no zone; leave out '%' and the rest".into()
        }
        ParseError::InvalidIpv6Address => {
            "brackets go around one whole IPv6 address, as in [::1]".into()
        }
        ParseError::Overflow => TOO_LONG.into(),
        // A wrong name.
        _ => match host.forbidden() {
            Some((sign, number)) => format!(
                "{sign:?} is not allowed in the name of a host (character {number} of the URL)"
            ),
            None => "the name of its host is none that IDNA allows (UTS 46)".into(),
        },
    })
}

/// The host and port of a text that is no URL.
struct Host<'a> {
    name: &'a str,
    port: Option<&'a str>,
    /// The number of characters before it.
    before: usize,
}

impl<'a> Host<'a> {
    fn of(text: &'a str) -> Self {
        let slash = |sign: char| matches!(sign, '/' | '\\');
        let begin = text.find(':').map_or(0, |at| at + 1);
        let rest = text[begin..].trim_start_matches(slash);
        let begin = text.len() - rest.len();
        let end = rest.find(|sign| slash(sign) || matches!(sign, '?' | '#'));
        let authority = &rest[..end.unwrap_or(rest.len())];
        // User name and password precede the last "@".
        let user = authority.rfind('@').map_or(0, |at| at + 1);
        let place = &authority[user..];
        let (name, port) = authority::split(place);
        Self {
            name,
            port,
            before: text[..begin + user].chars().count(),
        }
    }

    /// The first forbidden domain code point of the standard, and its position in the text.
    fn forbidden(&self) -> Option<(char, usize)> {
        let forbidden = |sign: char| sign.is_ascii_control() || " #/:<>?@[\\]^|%".contains(sign);
        let mut signs = self.name.chars().zip(self.before + 1..);
        signs.find(|(sign, _)| forbidden(*sign))
    }

    /// The port, if it is only digits. Anything else may be part of a password.
    fn port(&self) -> Option<String> {
        let digits = self.port?;
        let clean = digits.bytes().all(|byte| byte.is_ascii_digit());
        clean.then(|| digits.chars().take(20).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_which_character_or_part_is_wrong_and_repeats_no_secret() {
        for (text, said) in [
            ("", "no scheme"),
            ("h.test/x", "no scheme"),
            ("secret:secret", "no scheme"),
            ("ftp://h.test", "\"ftp\" is not HTTP"),
            ("http://", "no host"),
            ("http:///", "no host"),
            ("http://secret:secret@/", "no host"),
            (
                "http://ü ö/",
                "' ' is not allowed in the name of a host (character 9 of",
            ),
            (
                "http://secret@h>t/",
                "'>' is not allowed in the name of a host (character 16 of",
            ),
            ("http://h%zz/secret", "'%' is not allowed"),
            ("http://xn--a/secret", "IDNA"),
            ("http://256.1.1.1/", "\"256.1.1.1\" looks like a number"),
            (
                "http://secret@1.2.3.4.5/",
                "\"1.2.3.4.5\" looks like a number",
            ),
            ("http://[::1/secret", "brackets"),
            ("http://[fe80::1%25eth0]/", "no zone"),
            ("http://h:99999/secret", "99999 is above"),
            ("http://h:secret/x@y", "not a number"),
            ("http://h:0/secret", "port"),
            ("http://a!b/secret", "'!' is not allowed"),
        ] {
            let error = text.parse::<Url>().expect_err(text).to_string();
            assert!(error.contains(said), "{text}: {error}");
            assert!(!error.contains("secret"), "{text}: {error}");
        }
        let long = format!("http://h/{}", "x".repeat(70_000));
        let error = long.parse::<Url>().unwrap_err().to_string();
        assert!(error.contains("longer than"), "{error}");
    }

    #[test]
    fn credentials_are_a_header_and_nothing_else() {
        for (text, value) in [
            ("http://me:secret@h/", Some("Basic bWU6c2VjcmV0")),
            ("http://me@h/", Some("Basic bWU6")),
            ("http://:secret@h/", Some("Basic OnNlY3JldA==")),
            ("http://m%65:s%C3%A4@h/", Some("Basic bWU6c8Ok")),
            ("http://@h/", None),
            ("http://h/", None),
        ] {
            let url: Url = text.parse().unwrap();
            assert_eq!(url.to_string(), "http://h/");
            let found = url.authorization().map(|value| value.to_str().unwrap());
            assert_eq!(found, value, "{text}");
            assert!(!format!("{url:?}").contains("secret"), "{url:?}");
        }
    }
}
