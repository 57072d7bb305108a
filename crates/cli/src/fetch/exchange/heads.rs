//! Formats heads of requests and responses.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, SET_COOKIE};
use http::{HeaderName, HeaderValue, Request, Response, Version};
use http_body_util::Full;
use hyper::body::Body;
use hyper::ext::ReasonPhrase;
use keepalive::FromCache;
use keepalive::authority::without_user;
use keepalive_http::Allocation;

use crate::console::{self, Stream};
use crate::duration::shown;
use crate::fetch::message::CREDENTIALS;
use crate::timing::phases;

/// Replaces credentials.
const HIDDEN: &str = "[hidden]";

/// Prints `lines` on standard error, each with the number of its fetch, for `--verbose`.
pub(crate) fn print(number: Option<u64>, lines: &[String]) {
    let number = number.map_or_else(String::new, |number| format!("[{number}] "));
    let lines = lines.iter().map(|line| console::harmless(line));
    let lines: String = lines.map(|line| format!("{number}{line}\n")).collect();
    // One write, so that heads of other fetches do not mix in. A closed standard error leaves no
    // way to report its own failure.
    let _ = console::print(Stream::Error, &lines);
}

/// The head of a request, without credentials. The version is left out: the connection decides it.
pub(crate) fn request(request: &Request<Full<Bytes>>) -> Vec<String> {
    let uri = request.uri();
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut lines = vec![format!("> {} {target}", request.method())];
    let headers = request.headers();
    if let (Some(authority), false) = (uri.authority(), headers.contains_key(HOST)) {
        lines.push(format!("> host: {}", without_user(authority.as_str())));
    }
    lines.extend(headers.iter().map(|header| harmless_header('>', header)));
    let length = request.body().size_hint().exact();
    if let (Some(length @ 1..), false) = (length, headers.contains_key(CONTENT_LENGTH)) {
        lines.push(format!("> content-length: {length}"));
    }
    lines.push(">".to_owned());
    lines
}

/// The head of a response, without credentials.
pub(crate) fn harmless_response<B>(response: &Response<B>) -> Vec<String> {
    let mut lines = vec![format!("< {}", status_line(response))];
    let headers = response.headers().iter();
    lines.extend(headers.map(|header| harmless_header('<', header)));
    lines.push("<".to_owned());
    lines
}

/// The origin of the connection of a response.
pub(crate) fn connection(allocation: &Allocation) -> String {
    let timing = allocation.timing;
    match allocation.from_cache {
        Some(FromCache::Immediate) => "* on an idle connection".to_owned(),
        Some(FromCache::Deferred) => format!(
            "* on a connection that was given back, after {}",
            shown(timing.total())
        ),
        None => {
            let phases = phases(&timing).map(|(phase, took)| format!("{phase} {}", shown(took)));
            format!("* on a new connection: {}", phases.join(", "))
        }
    }
}

fn harmless_header(mark: char, (name, value): (&HeaderName, &HeaderValue)) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    if CREDENTIALS.contains(name) {
        return format!("{mark} {name}: {HIDDEN}");
    }
    match text.split_once('=') {
        Some((cookie, rest)) if name == SET_COOKIE => {
            // The attributes of a cookie are not secret.
            let attributes = rest.find(';').map_or("", |end| &rest[end..]);
            format!("{mark} {name}: {cookie}={HIDDEN}{attributes}")
        }
        _ => format!("{mark} {name}: {text}"),
    }
}

/// The head of a response of any version, in the form of HTTP/1.1.
pub(crate) fn response<B>(response: &Response<B>) -> Vec<u8> {
    let mut text = status_line(response).into_bytes();
    text.extend(b"\r\n");
    for (name, value) in response.headers() {
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    text.extend(b"\r\n");
    text
}

/// The usual name of a version of HTTP.
pub(crate) fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_11 => "HTTP/1.1",
        Version::HTTP_10 => "HTTP/1.0",
        _ => "another HTTP",
    }
}

fn status_line<B>(response: &Response<B>) -> String {
    let (version, status) = (version(response.version()), response.status());
    if !matches!(response.version(), Version::HTTP_10 | Version::HTTP_11) {
        return format!("{version} {}", status.as_u16());
    }
    // Present only if it differs from the standard reason.
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
    fn heads_are_shown_without_credentials() {
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
    fn the_head_of_an_http_2_response_has_the_form_of_http_1() {
        let answered = Response::builder()
            .version(Version::HTTP_2)
            .header("a", "1")
            .header("a", "2")
            .body(())
            .unwrap();
        assert_eq!(response(&answered), b"HTTP/2 200\r\na: 1\r\na: 2\r\n\r\n");
    }
}
