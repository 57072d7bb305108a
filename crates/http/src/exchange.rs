//! A request in the form in which it is sent, once or several times.

use std::time::Duration;

use http::header::{CONTENT_LENGTH, EXPECT, HOST, TRAILER, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version};

use crate::credentials;
use crate::error::Tried;
use crate::origin::Origin;
use crate::outgoing::Outgoing;
use crate::target;
use crate::{Error, Idempotent};

mod forward;
mod wire;

/// A checked request, ready to be sent, and its destination.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// The manager's request for a connection.
    pub(crate) to: keepalive::Request,
    /// The manager's request for a direct connection, if a proxy forwards this one.
    origin: Option<Box<keepalive::Request>>,
    pub(crate) head: Parts,
    /// The request target (RFC 9112, section 3.2).
    target: Uri,
    /// The value of the `host` header, unless the user sets one.
    host: Option<HeaderValue>,
    /// How long the body waits for a 100, if the request expects one.
    continue_timeout: Option<Duration>,
    /// Whether an HTTP/2 stream that becomes a tunnel is tracked to its end.
    follows_tunnels: bool,
    /// Whether the headers announce the body that is sent.
    #[cfg(feature = "legacy")]
    pub(crate) is_framed: bool,
}

/// The form of the request target in HTTP/1.1 (RFC 9112, section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The target of the exchange: path and query, or the whole URL if a proxy forwards the
    /// request.
    Target,
    /// The whole URL of the request's head, for a proxy.
    #[cfg(feature = "legacy")]
    Absolute,
}

impl Exchange {
    /// Checks a request of the user, with this body.
    pub(crate) fn new(mut head: Parts, body: &Outgoing) -> Result<Box<Self>, Error> {
        if head.method != Method::CONNECT {
            credentials::take(&mut head);
        }
        let Origin { to, host } = Origin::of(&head.method, &head.uri)?;
        let target = target::form(&head.method, &head.uri, &host).map_err(Error::url)?;
        check(&head, body).map_err(|what| {
            let tried = Tried {
                method: head.method.clone(),
                host: to.host().clone(),
                by: None,
            };
            tried.failed("request", what)
        })?;
        Ok(Box::new(Self {
            to,
            origin: None,
            target,
            host: Some(host),
            continue_timeout: None,
            follows_tunnels: false,
            #[cfg(feature = "legacy")]
            is_framed: true,
            head,
        }))
    }

    /// A request that was already checked, with the whole URL in its head. hyper judges the lengths
    /// that its headers announce.
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
            continue_timeout: None,
            follows_tunnels: true,
        })
    }

    /// Makes the body wait up to `time` for a 100, if the request expects one (RFC 9110, section
    /// 10.1.1).
    pub(crate) fn expect_continue(&mut self, time: Duration) {
        let expects = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(CONTINUE);
        let waits = self.head.headers.get(EXPECT).is_some_and(expects) && !time.is_zero();
        self.continue_timeout = waits.then_some(time);
    }

    /// The message for a connection of this version.
    pub(crate) fn message(
        &self,
        version: Version,
        form: Form,
        body: Outgoing,
    ) -> Request<Outgoing> {
        let head = &self.head;
        let mut headers = head.headers.clone();
        let (uri, version) = if version == Version::HTTP_2 {
            // HTTP/2 sends the URL in pseudo-headers, one of which replaces `host` (RFC 9113,
            // section 8.3.1).
            let host = headers.remove(HOST);
            let authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
            (with(head.uri.clone(), authority, &self.target), version)
        } else {
            if let Some(host) = &self.host
                && !headers.contains_key(HOST)
            {
                headers.insert(HOST, host.clone());
            }
            // Only a chunked body can have trailers (RFC 9112, section 7.1.2).
            let announces = !body.is_whole() && headers.contains_key(TRAILER);
            if announces && !headers.contains_key(CONTENT_LENGTH) {
                let coding = headers.entry(TRANSFER_ENCODING);
                coding.or_insert(HeaderValue::from_static("chunked"));
            }
            // The target of `CONNECT` is always an authority.
            let uri = match form == Form::Target || head.method == Method::CONNECT {
                true => &self.target,
                false => &head.uri,
            };
            (uri.clone(), head.version)
        };
        let body = match self.continue_timeout {
            // In HTTP/2, hyper does not report a 100.
            Some(time) if version != Version::HTTP_2 => body.gated(time),
            _ => body,
        };
        let mut message = Request::new(body);
        *message.method_mut() = head.method.clone();
        *message.uri_mut() = uri;
        *message.version_mut() = version;
        *message.headers_mut() = headers;
        *message.extensions_mut() = head.extensions.clone();
        message
    }

    /// Checks whether a connection of this version can carry the request.
    pub(crate) fn check_version(&self, version: Version) -> Result<(), &'static str> {
        match (self.head.version, version) {
            (Version::HTTP_2, Version::HTTP_11) => {
                Err("it is to be sent by HTTP/2, which the server does not speak")
            }
            // Nothing would report the end of a stream that became a tunnel.
            (_, Version::HTTP_2)
                if self.head.method == Method::CONNECT && !self.follows_tunnels =>
            {
                Err("CONNECT is sent by HTTP/1.1 only, and the server speaks HTTP/2")
            }
            _ => Ok(()),
        }
    }

    /// Whether this response turns its connection into a tunnel (RFC 9110, section 9.3.6), or
    /// changes its protocol.
    pub(crate) fn ends_http(&self, status: StatusCode) -> bool {
        let tunnels = self.head.method == Method::CONNECT && status.is_success();
        tunnels || status == StatusCode::SWITCHING_PROTOCOLS
    }

    /// Whether the request is idempotent (RFC 9110, section 9.2.2).
    pub(crate) fn is_idempotent(&self) -> bool {
        let said = self.head.extensions.get::<Idempotent>();
        said.map_or_else(|| self.head.method.is_idempotent(), |said| said.0)
    }
}

/// The same URL with this path, and with another authority, if given.
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
    let version = head.version;
    if head.method == Method::CONNECT && !body.is_empty() {
        return Err("CONNECT has no body".to_owned());
    }
    if !matches!(
        version,
        Version::HTTP_2 | Version::HTTP_11 | Version::HTTP_10
    ) {
        return Err(format!(
            "{version:?} is not supported, only HTTP/2, HTTP/1.1 and HTTP/1.0 are"
        ));
    }
    check_number(&head.headers)?;
    check_lengths(&head.headers, body)
}

const CONTINUE: &[u8] = b"100-continue";

// `HeaderMap` panics at some 24,000 names, and more are added: `host`, and hyper's own headers.
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

/// The announced length must match the body. Otherwise the server would take the rest of the body
/// for our next request, or our next request for the rest of the body.
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
    fn a_request_that_can_not_be_sent_is_refused() {
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
