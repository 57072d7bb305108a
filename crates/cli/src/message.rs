//! What every request of a run says, besides its URL.

use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;

use bytes::Bytes;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, PROXY_AUTHORIZATION, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;

use crate::args::HttpFlags;
use crate::target::Target;

/// What is sent in place of a content-type that was not given, as by other tools.
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// What is sent where --user-agent says nothing else: some servers refuse those that name none.
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("keepalive/", env!("CARGO_PKG_VERSION")));

/// What is sent where no accept is given, as by other tools.
const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");

/// No server takes as many, and a [`HeaderMap`] panics at some more.
const MOST_HEADERS: usize = 10_000;

/// Headers that are worth as much as a password.
pub(crate) const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

/// The method, the headers and the body of every request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    method: Method,
    headers: HeaderMap,
    body: Bytes,
}

impl Message {
    /// Reads what the flags say, and the files that they name; standard input if `stdin` is free.
    ///
    /// # Errors
    ///
    /// A header is none, or a file can not be read.
    pub(crate) fn check(flags: &HttpFlags, stdin: Stdin) -> Result<Self, MessageError> {
        if flags.header.len() > MOST_HEADERS {
            return Err(MessageError::TooManyHeaders);
        }
        let mut headers = HeaderMap::new();
        for (text, number) in flags.header.iter().zip(1..) {
            let (name, value) =
                parse_header(text).map_err(|fault| MessageError::Header { number, fault })?;
            if name == HOST && headers.contains_key(HOST) {
                return Err(MessageError::TwoHosts { number });
            }
            headers.append(name, value);
        }
        if let Some(name) = &flags.user_agent {
            let value = HeaderValue::try_from(name.trim());
            let value = value.map_err(|_| MessageError::UserAgent)?;
            headers.entry(USER_AGENT).or_insert(value);
        }
        headers.entry(USER_AGENT).or_insert(AGENT);
        headers.entry(ACCEPT).or_insert(ANYTHING);
        let body = body(&flags.data, stdin)?;
        if !flags.data.is_empty() && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, FORM);
        }
        let usual = match flags.data.is_empty() {
            true => Method::GET,
            false => Method::POST,
        };
        Ok(Self {
            method: flags.method.clone().unwrap_or(usual),
            headers,
            body,
        })
    }

    /// The request for `target`. Credentials of the URL give way to a header that was given.
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

/// Whether standard input may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stdin {
    Free,
    /// URLs come from it.
    Taken,
}

/// Why nothing can be asked for. No value of a header, and nothing of a body, is repeated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MessageError {
    #[error("--header {number}: {fault}")]
    Header { number: usize, fault: String },
    #[error("--header: at most {MOST_HEADERS} of them can be sent")]
    TooManyHeaders,
    #[error("--header {number}: a request is for one host, and there is one already")]
    TwoHosts { number: usize },
    #[error("--user-agent: it has a character that can not be sent")]
    UserAgent,
    #[error("--data: can not read {name}: {error}")]
    Unreadable { name: String, error: io::Error },
    #[error("--data @: name a file after it, as in --data @order.json")]
    NoFile,
    #[error("--data @-: standard input can be read only once")]
    StandardInputTwice,
}

/// Reads the name of a method.
///
/// # Errors
///
/// What is wrong with it, in words.
pub(crate) fn parse_method(text: &str) -> Result<Method, String> {
    let method: Method = text
        .parse()
        .map_err(|_| "a method is one word, such as GET or PUT".to_owned())?;
    if method == Method::CONNECT {
        return Err("CONNECT is not served; --proxy makes tunnels".to_owned());
    }
    let upper = text.to_ascii_uppercase();
    let is_known = KNOWN.iter().any(|known| known.as_str() == upper);
    if is_known && upper != text {
        return Err(format!("methods are told apart by case; write {upper}"));
    }
    Ok(method)
}

const KNOWN: [Method; 9] = [
    Method::CONNECT,
    Method::DELETE,
    Method::GET,
    Method::HEAD,
    Method::OPTIONS,
    Method::PATCH,
    Method::POST,
    Method::PUT,
    Method::TRACE,
];

/// Reads `name: value`.
fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    // It is not repeated: without a colon all of it may be a secret.
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
    // Neither printed nor kept in the tables of HTTP/2.
    value.set_sensitive(CREDENTIALS.contains(&name));
    Ok((name, value))
}

fn body(parts: &[String], mut stdin: Stdin) -> Result<Bytes, MessageError> {
    let mut body = Vec::new();
    for (part, index) in parts.iter().zip(0..) {
        if index > 0 {
            body.push(b'&');
        }
        let Some(path) = part.strip_prefix('@') else {
            body.extend_from_slice(part.as_bytes());
            continue;
        };
        let content = match path {
            "" => return Err(MessageError::NoFile),
            "-" if stdin == Stdin::Taken => return Err(MessageError::StandardInputTwice),
            "-" => {
                stdin = Stdin::Taken;
                let mut content = Vec::new();
                let read = io::stdin().read_to_end(&mut content);
                read.map(|_| content)
                    .map_err(|error| unreadable("standard input", error))?
            }
            path => {
                let name = PathBuf::from(path).display().to_string();
                fs::read(path).map_err(|error| unreadable(&name, error))?
            }
        };
        body.extend(content);
    }
    Ok(body.into())
}

fn unreadable(name: &str, error: io::Error) -> MessageError {
    let name = name.to_owned();
    MessageError::Unreadable { name, error }
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
    fn what_is_no_header_is_refused_and_its_value_not_repeated() {
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
    fn credentials_are_not_printed() {
        let (_, value) = parse_header("Authorization: secret").expect("a header");
        assert!(!format!("{value:?}").contains("secret"));
    }

    #[test]
    fn a_method_is_one_word_in_the_case_that_servers_know() {
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
