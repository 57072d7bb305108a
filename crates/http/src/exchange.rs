//! One request as it is sent, once or several times.

use std::time::Duration;

use http::header::{CONTENT_LENGTH, EXPECT, HOST, TRAILER, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version};

use crate::credentials;
use crate::origin::Origin;
use crate::outgoing::Outgoing;
use crate::target;
use crate::{Error, Idempotent};

mod forward;

/// A request, checked and ready to be sent, and where to.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// What a connection is asked for by.
    pub(crate) to: keepalive::Request,
    /// What it would be asked for by, if the request were not forwarded.
    origin: Option<Box<keepalive::Request>>,
    head: Parts,
    /// What the server is asked for (RFC 9112, section 3.2).
    target: Uri,
    /// What the `host` header says, if the user does not.
    host: Option<HeaderValue>,
    /// For how long the body is held back, if the request expects the server to want it.
    hold_back: Option<Duration>,
    /// Whether a stream of HTTP/2 that becomes a tunnel is followed to its end.
    follows_tunnels: bool,
    /// Whether the headers announce the body that is sent.
    #[cfg(feature = "legacy")]
    is_framed: bool,
}

/// How a request of HTTP/1.1 names what it is for (RFC 9112, section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// By what the server is asked for: its path and query, or all of it if it is forwarded.
    Target,
    /// By the whole URL in its head: a proxy is asked.
    #[cfg(feature = "legacy")]
    Absolute,
}

impl Exchange {
    /// Checks a request of the user's, which has this body.
    pub(crate) fn new(mut head: Parts, body: &Outgoing) -> Result<Self, Error> {
        if head.method != Method::CONNECT {
            credentials::take(&mut head);
        }
        let Origin { to, host } = Origin::of(&head.method, &head.uri)?;
        let target = target::form(&head.method, &head.uri, &host).map_err(Error::url)?;
        check(&head, body).map_err(|what| Error::request(&head.method, to.host(), what))?;
        Ok(Self {
            to,
            origin: None,
            target,
            host: Some(host),
            hold_back: None,
            follows_tunnels: false,
            #[cfg(feature = "legacy")]
            is_framed: true,
            head,
        })
    }

    /// A request that has been checked, with all of its URL in its head. What its headers announce is
    /// for hyper to judge.
    #[cfg(feature = "legacy")]
    pub(crate) fn to(
        to: keepalive::Request,
        head: Parts,
        target: Uri,
        host: Option<HeaderValue>,
        body: &Outgoing,
    ) -> Result<Self, String> {
        check_number(&head.headers)?;
        Ok(Self {
            to,
            origin: None,
            is_framed: check_lengths(&head.headers, body).is_ok(),
            head,
            target,
            host,
            hold_back: None,
            follows_tunnels: true,
        })
    }

    /// Has the body held back for so long, if the request expects the server to say that it wants it
    /// (RFC 9110, section 10.1.1).
    pub(crate) fn hold_back(&mut self, time: Duration) {
        let expects = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(CONTINUE);
        let holds = self.head.headers.get(EXPECT).is_some_and(expects) && !time.is_zero();
        self.hold_back = holds.then_some(time);
    }

    /// What to send on a connection of this version.
    pub(crate) fn message(
        &self,
        version: Version,
        form: Form,
        body: Outgoing,
    ) -> Request<Outgoing> {
        let mut head = self.head.clone();
        if version == Version::HTTP_2 {
            head.version = version;
            // The URL is sent in parts, one of which takes the place of the header (RFC 9113,
            // section 8.3.1).
            let host = head.headers.remove(HOST);
            let authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
            head.uri = with(head.uri, authority, &self.target);
        } else {
            // A tunnel is asked for by its authority, whoever is asked.
            if form == Form::Target || head.method == Method::CONNECT {
                head.uri = self.target.clone();
            }
            if let Some(host) = &self.host
                && !head.headers.contains_key(HOST)
            {
                head.headers.insert(HOST, host.clone());
            }
            // Only a body in chunks can have trailers (RFC 9112, section 7.1.2).
            let announces = !body.is_whole() && head.headers.contains_key(TRAILER);
            if announces && !head.headers.contains_key(CONTENT_LENGTH) {
                let coding = head.headers.entry(TRANSFER_ENCODING);
                coding.or_insert(HeaderValue::from_static("chunked"));
            }
        }
        let body = match self.hold_back {
            // By HTTP/2, hyper does not tell of a server that wants it.
            Some(time) if version != Version::HTTP_2 => body.held_back(time),
            _ => body,
        };
        Request::from_parts(head, body)
    }

    /// Whether a connection of this version can carry it.
    pub(crate) fn check_version(&self, version: Version) -> Result<(), &'static str> {
        match (self.head.version, version) {
            (Version::HTTP_2, Version::HTTP_11) => {
                Err("it is to be sent by HTTP/2, which the server does not speak")
            }
            // Nobody would know when a stream that became a tunnel has ended.
            (_, Version::HTTP_2)
                if self.head.method == Method::CONNECT && !self.follows_tunnels =>
            {
                Err("CONNECT is sent by HTTP/1.1 only, and the server speaks HTTP/2")
            }
            _ => Ok(()),
        }
    }

    /// Whether this response makes a tunnel of its connection (RFC 9110, section 9.3.6), or has it
    /// speak another protocol.
    pub(crate) fn ends_http(&self, status: StatusCode) -> bool {
        let tunnels = self.head.method == Method::CONNECT && status.is_success();
        tunnels || status == StatusCode::SWITCHING_PROTOCOLS
    }

    /// Whether sending it twice does as much as sending it once (RFC 9110, section 9.2.2).
    pub(crate) fn is_idempotent(&self) -> bool {
        let said = self.head.extensions.get::<Idempotent>();
        said.map_or_else(|| self.head.method.is_idempotent(), |said| said.0)
    }

    pub(crate) fn method(&self) -> &Method {
        &self.head.method
    }

    /// Whether the server knows where the request ends, and the next begins.
    #[cfg(feature = "legacy")]
    pub(crate) fn is_framed(&self) -> bool {
        self.is_framed
    }

    pub(crate) fn extensions(&self) -> &http::Extensions {
        &self.head.extensions
    }
}

/// The same URL, with another authority, if one is given, and this path.
fn with(uri: Uri, authority: Option<Authority>, path: &Uri) -> Uri {
    if authority.is_none() && uri.path_and_query() == path.path_and_query() {
        return uri;
    }
    let mut parts = uri.clone().into_parts();
    parts.authority = authority.or(parts.authority);
    parts.path_and_query = path.path_and_query().cloned();
    Uri::from_parts(parts).unwrap_or(uri)
}

fn check(head: &Parts, body: &Outgoing) -> Result<(), String> {
    let Parts {
        method,
        version,
        headers,
        ..
    } = head;
    if *method == Method::CONNECT && !body.is_empty() {
        return Err("CONNECT has no body".to_owned());
    }
    if !matches!(
        *version,
        Version::HTTP_2 | Version::HTTP_11 | Version::HTTP_10
    ) {
        return Err(format!(
            "{version:?} is not supported, only HTTP/2, HTTP/1.1 and HTTP/1.0 are"
        ));
    }
    check_number(headers)?;
    check_lengths(headers, body)
}

const CONTINUE: &[u8] = b"100-continue";

// A map of headers panics at some 24,000 names, and more are added: `host`, and what hyper adds.
const MAX_NAMES: usize = 1 << 14;

fn check_number(headers: &HeaderMap) -> Result<(), String> {
    let names = headers.keys_len();
    if names > MAX_NAMES {
        return Err(format!(
            "it has {names} different headers, but at most {MAX_NAMES} can be sent"
        ));
    }
    Ok(())
}

/// What the headers announce must be what is sent: the server would take the rest for our next
/// request, or our next request for the rest.
fn check_lengths(headers: &HeaderMap, body: &Outgoing) -> Result<(), String> {
    if headers.contains_key(TRANSFER_ENCODING) && body.is_empty() {
        return Err("the headers announce a body, but none is sent".to_owned());
    }
    let Some(length) = body.length() else {
        return Ok(());
    };
    for announced in headers.get_all(CONTENT_LENGTH) {
        if announced.as_bytes() != length.to_string().as_bytes() {
            return Err(format!(
                "the headers announce a body of {announced:?} bytes, but it has {length}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(build: impl FnOnce(http::request::Builder) -> http::request::Builder) -> String {
        let request = build(Request::builder()).uri("/").body(()).unwrap();
        check(&request.into_parts().0, &Outgoing::new(String::new())).unwrap_err()
    }

    #[test]
    fn what_can_not_be_sent_is_refused() {
        assert!(refused(|request| request.version(Version::HTTP_3)).contains("HTTP/3.0"));
        assert!(refused(|request| request.header("content-length", "5")).contains("body"));
        assert!(refused(|request| request.header("transfer-encoding", "chunked")).contains("body"));
    }

    #[test]
    fn more_headers_than_can_be_sent_are_refused() {
        let many = |request: http::request::Builder| {
            (0..=MAX_NAMES).fold(request, |request, number| {
                request.header(format!("x-{number}"), "")
            })
        };
        assert!(refused(many).contains("16385 different headers"));
    }

    #[test]
    fn a_tunnel_is_asked_for_without_a_body() {
        let head = Request::connect("h.test:80")
            .body(())
            .unwrap()
            .into_parts()
            .0;
        assert!(check(&head, &Outgoing::new(String::new())).is_ok());
        assert!(check(&head, &Outgoing::new("four".to_owned())).is_err());
    }

    #[test]
    fn a_length_must_be_that_of_the_body() {
        let fits = |length: &str, body: &str| {
            let request = Request::post("/").header("content-length", length).body(());
            let head = request.unwrap().into_parts().0;
            check(&head, &Outgoing::new(body.to_owned())).is_ok()
        };
        assert!(fits("0", "") && fits("4", "four"));
        assert!(!fits("5", "four") && !fits("3", "four") && !fits("+4", "four"));
    }
}
