//! The parts that all requests of a run share: method, headers and body.

mod form;
pub(crate) mod payload;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, PROXY_AUTHORIZATION, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;

use crate::args::HttpFlags;
use crate::exit::Refusal;
use crate::fetch::message::payload::{Files, Payload};
use crate::fetch::target::Target;

/// The default user-agent; some servers refuse requests without one.
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("keepalive/", env!("CARGO_PKG_VERSION")));

/// The default accept, as of other tools.
const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");

/// The bound on headers. No server accepts as many, and a [`HeaderMap`] panics with some more.
const MOST_HEADERS: usize = 10_000;

/// Headers with secrets.
pub(crate) const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

/// The method, the headers and the body of every request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub(crate) method: Method,
    headers: HeaderMap,
    body: Bytes,
    /// The addition to the query of every URL, from `--get`.
    query: Option<String>,
}

impl Message {
    /// Builds the message from the flags and the files that they name.
    ///
    /// # Errors
    ///
    /// A flag has a wrong value, or a file can not be read. No message repeats a header's value or a
    /// part of a body.
    pub(crate) fn check(flags: &HttpFlags, files: &mut Files) -> Result<Self, Refusal> {
        if flags.header.len() > MOST_HEADERS {
            return Err(format!("--header: at most {MOST_HEADERS} of them can be sent").into());
        }
        let mut headers = HeaderMap::new();
        for (text, number) in flags.header.iter().zip(1..) {
            let (name, value) =
                parse_header(text).map_err(|fault| format!("--header {number}: {fault}"))?;
            if name == HOST && headers.contains_key(HOST) {
                return Err(format!(
                    "--header {number}: a request is for one host, and there is one already"
                )
                .into());
            }
            headers.append(name, value);
        }
        if let Some(name) = &flags.user_agent {
            let value = HeaderValue::try_from(name.trim());
            let value =
                value.map_err(|_| "--user-agent: it has a character that can not be sent")?;
            headers.entry(USER_AGENT).or_insert(value);
        }
        headers.entry(USER_AGENT).or_insert(AGENT);
        let mut message = Self::default();
        let mut usual = Method::GET;
        match Payload::check(&flags.body, files)? {
            Payload::None => {}
            Payload::Query(query) => message.query = Some(query),
            Payload::Body(bytes, content_type) => {
                usual = Method::POST;
                message.body = bytes;
                headers.entry(CONTENT_TYPE).or_insert(content_type);
            }
        }
        let accept = match flags.body.json.is_empty() {
            true => ANYTHING,
            false => payload::JSON,
        };
        headers.entry(ACCEPT).or_insert(accept);
        if let Some(pair) = &flags.user {
            let value = basic(pair)
                .ok_or("--user: write user:password, with a colon where there is no password")?;
            headers.entry(AUTHORIZATION).or_insert(value);
        }
        if let Some(pairs) = flags.cookie.as_deref().filter(|pairs| !pairs.is_empty()) {
            let value = HeaderValue::try_from(pairs);
            let mut value =
                value.map_err(|_| "--cookie: it has a character that can not be sent")?;
            value.set_sensitive(true);
            headers.append(COOKIE, value);
        }
        message.method = flags.method.clone().unwrap_or(usual);
        message.headers = headers;
        Ok(message)
    }

    /// Adds the query of `--get` to `target`.
    pub(crate) fn aim(&self, mut target: Target) -> Target {
        let Some(more) = &self.query else {
            return target;
        };
        let mut text = target.uri.to_string();
        text.push(match target.uri.query() {
            Some(_) => '&',
            None => '?',
        });
        text.push_str(&payload::in_query(more));
        // A URL that would be too long is sent without the addition.
        if let Ok(uri) = text.parse() {
            target.uri = uri;
        }
        target
    }

    /// Builds the request for `target`. A header of the flags replaces credentials of the URL.
    pub(crate) fn request(&self, target: &Target) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.uri_mut() = target.uri.clone();
        *request.method_mut() = self.method.clone();
        *request.headers_mut() = self.headers.clone();
        if let Some(value) = &target.authorization {
            let headers = request.headers_mut();
            headers
                .entry(AUTHORIZATION)
                .or_insert_with(|| value.clone());
        }
        request
    }
}

/// Parses a method. The error is the fault in words.
pub(crate) fn parse_method(text: &str) -> Result<Method, String> {
    let method: Method = text
        .parse()
        .map_err(|_| "a method is one word, such as GET or PUT".to_owned())?;
    if method == Method::CONNECT {
        return Err("CONNECT is not served; --proxy makes tunnels".to_owned());
    }
    let upper = text.to_ascii_uppercase();
    if upper != text && KNOWN.contains(&&*upper) {
        return Err(format!("methods are told apart by case; write {upper}"));
    }
    Ok(method)
}

const KNOWN: [&str; 9] = [
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
];

/// Parses `name: value`.
fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    // The text is not repeated: without a colon, all of it may be a secret.
    let (name, value) = text
        .split_once(':')
        .ok_or("there is no colon in it; write \"name: value\"")?;
    if name.is_empty() {
        return Err("there is no name before the colon; write \"name: value\"".to_owned());
    }
    let parsed = HeaderName::try_from(name);
    let name = parsed.map_err(|_| match name.trim() == name {
        true => format!("{name:?} is no name of a header: it is letters, digits and hyphens"),
        false => format!("leave out the space around the name {:?}", name.trim()),
    })?;
    let value = HeaderValue::try_from(value.trim());
    let mut value =
        value.map_err(|_| format!("the value of {name} has a character that can not be sent"))?;
    // Sensitive values are not printed, and not kept in the tables of HTTP/2.
    value.set_sensitive(CREDENTIALS.contains(&name));
    Ok((name, value))
}

/// The value of an `authorization` header (RFC 7617).
fn basic(pair: &str) -> Option<HeaderValue> {
    pair.contains(':').then_some(())?;
    let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_name_and_a_value() {
        for (text, name, value) in [
            ("Accept: text/html", "accept", "text/html"),
            ("accept:a:b", "accept", "a:b"),
            ("X-Empty:", "x-empty", ""),
            ("x-space:  two words \t", "x-space", "two words"),
        ] {
            let (found, content) = parse_header(text).expect(text);
            assert_eq!(
                (found.as_str(), content.as_bytes()),
                (name, value.as_bytes())
            );
        }
        let (_, value) = parse_header("x-name: Zoë").expect("bytes beyond ASCII are sent");
        assert_eq!(value.as_bytes(), "Zoë".as_bytes());
    }

    #[test]
    fn an_invalid_header_is_refused_without_its_value() {
        for (text, said) in [
            ("", "no colon"),
            ("Bearer secret", "no colon"),
            (": secret", "no name"),
            ("x y: secret", "\"x y\" is no name"),
            ("x : secret", "leave out the space around the name \"x\""),
            ("x: sec\nret: secret", "can not be sent"),
            ("x: sec\0ret secret", "can not be sent"),
        ] {
            let error = parse_header(text).expect_err(text);
            assert!(error.contains(said), "{text}: {error}");
            assert!(!error.contains("secret"), "{text}: {error}");
        }
    }

    #[test]
    fn the_debug_output_of_a_credential_header_hides_its_value() {
        let (_, value) = parse_header("Authorization: secret").expect("a header");
        assert!(!format!("{value:?}").contains("secret"));
    }

    #[test]
    fn a_method_is_one_word_in_upper_case_if_it_is_a_standard_one() {
        assert_eq!(parse_method("PURGE").expect("any token").as_str(), "PURGE");
        assert_eq!(parse_method("PUT"), Ok(Method::PUT));
        for (text, said) in [
            ("", "one word"),
            ("GET /", "one word"),
            ("post", "write POST"),
            ("CONNECT", "--proxy"),
        ] {
            let error = parse_method(text).expect_err(text);
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
