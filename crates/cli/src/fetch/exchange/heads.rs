//! Heads of requests and answers as text.

use std::fmt::Write;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, SET_COOKIE};
use http::{HeaderName, HeaderValue, Request, Response, Version};
use http_body_util::Full;
use hyper::body::Body;
use hyper::ext::ReasonPhrase;
use keepalive::FromCache;
use keepalive_http::Allocation;

use crate::console::{self, Stream};
use crate::duration::shown;
use crate::fetch::message::CREDENTIALS;
use crate::fetch::report::line;

/// Stands for what is worth as much as a password.
const HIDDEN: &str = "[hidden]";

/// Writes heads to standard error, for `--verbose`.
#[derive(Clone, Debug)]
pub(crate) struct Speaker {
    /// Which fetch of the run it is, where there are several.
    pub(crate) number: Option<u64>,
}

impl Speaker {
    /// Writes `lines` in one piece, so that heads of other fetches do not come between.
    pub(crate) fn say(&self, lines: &[String]) {
        let mut text = String::new();
        for line in lines {
            if let Some(number) = self.number {
                // Writing to a string does not fail.
                let _ = write!(text, "[{number}] ");
            }
            text.push_str(&console::harmless(line));
            text.push('\n');
        }
        // There is nobody left to tell if standard error is closed.
        let _ = console::print(Stream::Error, &text);
    }
}

/// What is sent, without credentials. The version is known only once there is a connection.
pub(crate) fn request(request: &Request<Full<Bytes>>) -> Vec<String> {
    let uri = request.uri();
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut lines = vec![format!("> {} {target}", request.method())];
    let headers = request.headers();
    if let (Some(authority), false) = (uri.authority(), headers.contains_key(HOST)) {
        let host = authority.as_str();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        lines.push(format!("> host: {host}"));
    }
    lines.extend(headers.iter().map(|header| harmless_header('>', header)));
    let length = request.body().size_hint().exact();
    if let (Some(length @ 1..), false) = (length, headers.contains_key(CONTENT_LENGTH)) {
        lines.push(format!("> content-length: {length}"));
    }
    lines.push(">".to_owned());
    lines
}

/// How the connection was come by, and what was answered, without credentials.
pub(crate) fn harmless_response<B>(response: &Response<B>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(allocation) = response.extensions().get::<Allocation>() {
        lines.push(connection(allocation));
    }
    lines.push(format!("< {}", status_line(response)));
    let headers = response.headers().iter();
    lines.extend(headers.map(|header| harmless_header('<', header)));
    lines.push("<".to_owned());
    lines
}

fn connection(allocation: &Allocation) -> String {
    let timing = allocation.timing;
    match allocation.from_cache {
        Some(FromCache::Immediate) => "* on an idle connection".to_owned(),
        Some(FromCache::Deferred) => format!(
            "* on a connection that was given back, after {}",
            shown(timing.total())
        ),
        None => format!(
            "* on a new connection: queued {}, resolve {}, connect {}, proxy {}, tls {}",
            shown(timing.queued),
            shown(timing.resolve),
            shown(timing.connect),
            shown(timing.proxy),
            shown(timing.tls)
        ),
    }
}

fn harmless_header(mark: char, (name, value): (&HeaderName, &HeaderValue)) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    if CREDENTIALS.contains(name) {
        return format!("{mark} {name}: {HIDDEN}");
    }
    match text.split_once('=') {
        Some((cookie, rest)) if name == SET_COOKIE => {
            // The attributes of a cookie are no secret.
            let attributes = rest.find(';').map_or("", |end| &rest[end..]);
            format!("{mark} {name}: {cookie}={HIDDEN}{attributes}")
        }
        _ => format!("{mark} {name}: {text}"),
    }
}

/// What was answered, in the form of HTTP/1.1, whatever the version.
pub(crate) fn response<B>(response: &Response<B>) -> Vec<u8> {
    let mut text = status_line(response).into_bytes();
    text.extend(b"\r\n");
    for (name, value) in response.headers() {
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    text.extend(b"\r\n");
    text
}

fn status_line<B>(response: &Response<B>) -> String {
    let (version, status) = (line::version(response.version()), response.status());
    if !matches!(response.version(), Version::HTTP_10 | Version::HTTP_11) {
        return format!("{version} {}", status.as_u16());
    }
    // It is there if it is not the usual one.
    let reason = response.extensions().get::<ReasonPhrase>();
    let reason = reason.map(|reason| String::from_utf8_lossy(reason.as_bytes()));
    let usual = status.canonical_reason().unwrap_or_default();
    format!(
        "{version} {} {}",
        status.as_u16(),
        reason.as_deref().unwrap_or(usual)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Uri;

    #[test]
    fn credentials_are_not_shown() {
        let asked = Request::post(Uri::from_static("http://me:secret@h:81/a?b"))
            .header("authorization", "Bearer secret")
            .header("cookie", "id=secret")
            .header("proxy-authorization", "Basic secret")
            .header("x-plain", "seen")
            .body(Full::from("12345"))
            .unwrap();
        assert_eq!(
            request(&asked),
            [
                "> POST /a?b",
                "> host: h:81",
                "> authorization: [hidden]",
                "> cookie: [hidden]",
                "> proxy-authorization: [hidden]",
                "> x-plain: seen",
                "> content-length: 5",
                ">"
            ]
        );
        let answered = Response::builder()
            .header("set-cookie", "id=secret; Path=/; HttpOnly")
            .header("set-cookie", "id=secret")
            .body(())
            .unwrap();
        assert_eq!(
            harmless_response(&answered),
            [
                "< HTTP/1.1 200 OK",
                "< set-cookie: id=[hidden]; Path=/; HttpOnly",
                "< set-cookie: id=[hidden]",
                "<"
            ]
        );
    }

    #[test]
    fn a_head_has_the_form_of_http_1() {
        let answered = Response::builder()
            .version(Version::HTTP_2)
            .header("a", "1")
            .header("a", "2")
            .body(())
            .unwrap();
        assert_eq!(response(&answered), b"HTTP/2 200\r\na: 1\r\na: 2\r\n\r\n");
    }
}
