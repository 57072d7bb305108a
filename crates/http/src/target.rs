//! Splits a URL into the server to connect to and the request target.

use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Method, Uri};
use keepalive::authority;
use percent_encoding::{AsciiSet, utf8_percent_encode};

/// The parts of a URL, each in the form in which it is used.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) scheme: String,
    /// As in the URL, with the brackets of an IPv6 address.
    pub(crate) address: String,
    /// [`keepalive::Request`] checks its range.
    pub(crate) port: u64,
    /// The address, and the port unless it is the scheme's default (RFC 9110, section 7.2).
    pub(crate) host: HeaderValue,
}

impl Target {
    /// Parses an absolute URL; for `CONNECT`, an address and a port suffice.
    ///
    /// The error contains neither its path nor its user info: they may hold secrets.
    pub(crate) fn parse(method: &Method, uri: &Uri) -> Result<Self, String> {
        let connects = *method == Method::CONNECT;
        let (scheme, authority) = match (uri.scheme_str(), uri.authority()) {
            (Some(scheme), Some(authority)) => (scheme, authority),
            (None, Some(authority)) if connects => match authority.port_u16() {
                Some(443) => ("https", authority),
                Some(_) => ("http", authority),
                None => return Err("CONNECT needs an address and a port".to_owned()),
            },
            _ => {
                return Err("the URL is not absolute; it must start with \"http://\"".to_owned());
            }
        };
        let is_http = matches!(scheme, "http" | "https");
        let default_port = authority::default_port(scheme).filter(|_| is_http);
        let not_http = || format!("the scheme {scheme:?} is not HTTP");
        let default_port = u64::from(default_port.ok_or_else(not_http)?);
        // Other methods have them in a header already.
        if authority.as_str().contains('@') {
            return Err("CONNECT takes no user name and no password".to_owned());
        }
        let address = authority.host();
        let port = match &authority.as_str()[address.len()..] {
            "" | ":" => default_port,
            given => parse_port(given)?,
        };
        let host = if port == default_port && !connects {
            address.to_owned()
        } else {
            format!("{address}:{port}")
        };
        let no_host = |_| format!("{address:?} can not be sent as the name of a host");
        Ok(Self {
            scheme: scheme.to_owned(),
            address: address.to_owned(),
            port,
            host: host.try_into().map_err(no_host)?,
        })
    }
}

/// The request target: path and query, or for `CONNECT` the address and port in `host` (RFC 9112,
/// sections 3.2.1 and 3.2.3).
pub(crate) fn form(method: &Method, uri: &Uri, host: &HeaderValue) -> Result<Uri, String> {
    // Before a fragment, as in "http://h.test#top", `http` returns a path that displays as "/" but
    // is sent as nothing.
    let path = uri.path_and_query().filter(|path| path.as_str() != "/");
    match path {
        Some(_) if *method == Method::CONNECT => Err("CONNECT asks for no path".to_owned()),
        None if *method == Method::CONNECT => {
            let authority = Authority::try_from(host.as_bytes());
            authority.map(Uri::from).map_err(|error| error.to_string())
        }
        Some(path) => encoded(path).map(Uri::from),
        None => Ok(PathAndQuery::from_static("/").into()),
    }
}

/// Path and query in ASCII, as servers require (RFC 3986, section 2.1); a [`Uri`] may contain more.
fn encoded(path: &PathAndQuery) -> Result<PathAndQuery, String> {
    if path.as_str().is_ascii() {
        return Ok(path.clone());
    }
    let text = utf8_percent_encode(path.as_str(), &AsciiSet::EMPTY).to_string();
    PathAndQuery::try_from(text).map_err(|error| error.to_string())
}

/// Parses the text after an address: a colon and digits.
fn parse_port(given: &str) -> Result<u64, String> {
    let digits = given.strip_prefix(':');
    let port = digits.and_then(authority::digits);
    port.ok_or_else(|| format!("{:?} is not a port number", digits.unwrap_or(given)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parse(url: &str) -> Result<Target, String> {
        Target::parse(&Method::GET, &url.parse().unwrap())
    }

    fn sent(method: &Method, url: &str, target: &Target) -> Result<String, String> {
        let form = form(method, &url.parse().unwrap(), &target.host)?;
        Ok(form.to_string())
    }

    #[track_caller]
    fn check(url: &str, address: &str, port: u64, host: &str, path: &str) {
        let target = parse(url).unwrap();
        let found = (&*target.address, target.port, target.host.to_str().unwrap());
        assert_eq!(found, (address, port, host));
        assert_eq!(sent(&Method::GET, url, &target).unwrap(), path);
    }

    #[test]
    fn a_url_says_where_to_connect_to_and_what_to_ask_for() {
        check("http://h.test", "h.test", 80, "h.test", "/");
        check("HTTP://h.test:80/a?b=c", "h.test", 80, "h.test", "/a?b=c");
        check("http://h.test:81?b=c", "h.test", 81, "h.test:81", "/?b=c");
        check("http://h.test:/a#top", "h.test", 80, "h.test", "/a");
        check("http://h.test#top", "h.test", 80, "h.test", "/");
        check("https://h.test", "h.test", 443, "h.test", "/");
        check("https://h.test:80", "h.test", 80, "h.test:80", "/");
    }

    #[test]
    fn bytes_outside_ascii_are_percent_encoded() {
        check(
            "http://h.test/ä?ö=ü%20",
            "h.test",
            80,
            "h.test",
            "/%C3%A4?%C3%B6=%C3%BC%20",
        );
    }

    #[test]
    fn a_tunnel_is_asked_for_by_address_and_port() {
        let connect = |url: &str| {
            let target = Target::parse(&Method::CONNECT, &url.parse().unwrap())?;
            let sent = sent(&Method::CONNECT, url, &target)?;
            assert_eq!(sent, target.host.to_str().unwrap());
            Ok(format!("{} {sent}", target.scheme))
        };
        for (url, expected) in [
            ("h.test:80", "http h.test:80"),
            ("h.test:443", "https h.test:443"),
            ("[::1]:8080", "http [::1]:8080"),
            ("http://h.test", "http h.test:80"),
            ("https://h.test:8443/", "https h.test:8443"),
        ] {
            assert_eq!(connect(url).as_deref(), Ok(expected));
        }
        for (url, said) in [
            ("h.test", "port"),
            ("http://h.test/a", "path"),
            ("http://h.test?a", "path"),
            ("/a", "absolute"),
            ("root:hunter2@h.test:80", "password"),
        ] {
            let error: String = connect(url).unwrap_err();
            assert!(
                error.contains(said) && !error.contains("hunter2"),
                "{error}"
            );
        }
    }

    #[test]
    fn an_ipv6_address_keeps_its_brackets() {
        check("http://[::1]/", "[::1]", 80, "[::1]", "/");
        check("http://[::1]:8080", "[::1]", 8080, "[::1]:8080", "/");
    }

    #[test]
    fn a_host_with_a_port_is_parsed_alike_in_a_url_and_in_a_uri() {
        for (authority, expected) in [
            ("h.test", Ok("http://h.test:80")),
            ("h.test:", Ok("http://h.test:80")),
            ("h.test:1", Ok("http://h.test:1")),
            ("h.test:01", Ok("http://h.test:1")),
            ("h.test:65535", Ok("http://h.test:65535")),
            ("H.TEST:80", Ok("http://h.test:80")),
            ("127.0.0.1:1", Ok("http://127.0.0.1:1")),
            ("[::1]", Ok("http://[::1]:80")),
            ("[::1]:", Ok("http://[::1]:80")),
            ("[::1]:1", Ok("http://[::1]:1")),
            ("h.test:0", Err("port")),
            ("h.test:65536", Err("65536")),
            ("h.test:+1", Err("port")),
            ("h.test:x", Err("port")),
            ("[::1]1", Err("")),
            ("[h.test]:1", Err("brackets")),
            ("h.test:1:2", Err("")),
            ("::1", Err("")),
            (":1", Err("")),
            ("", Err("")),
        ] {
            let text = format!("http://{authority}/");
            let request = |uri: &Uri| {
                let target = Target::parse(&Method::GET, uri)?;
                keepalive::Request::new(target.scheme, target.address, target.port)
                    .map(|request| request.host().to_string())
                    .map_err(|error| error.to_string())
            };
            let of_uri = text.parse().map_err(|_| String::new());
            let of_uri = of_uri.and_then(|uri| request(&uri));
            let of_url = text
                .parse::<crate::Url>()
                .map_err(|error| error.to_string());
            let of_url = of_url.and_then(|url| request(url.uri()));
            match expected {
                Ok(host) => {
                    assert_eq!(of_uri.as_deref(), Ok(host), "{text}");
                    assert_eq!(of_url.as_deref(), Ok(host), "{text}");
                }
                Err(said) => {
                    let [of_uri, of_url] = [of_uri, of_url].map(|it| it.expect_err(&text));
                    assert!(of_url.contains(said), "{text}: {of_url}");
                    // http::Uri refuses some of them without a reason.
                    assert!(
                        of_uri.is_empty() || of_uri.contains(said),
                        "{text}: {of_uri}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_port_that_is_too_large_is_never_replaced_by_another() {
        assert_eq!(parse("http://h.test:65536").unwrap().port, 65_536);
        let error = parse("http://h.test:99999999999999999999").unwrap_err();
        assert!(error.contains("99999999999999999999"), "{error}");
    }

    #[test]
    fn text_after_an_address_is_a_port_or_an_error() {
        for (url, given) in [
            ("http://[::1]8:80", "8:80"),
            ("http://[::1]80/", "80"),
            ("http://h.test:+80", "+80"),
        ] {
            let error = parse(url).unwrap_err();
            assert_eq!(error, format!("{given:?} is not a port number"));
        }
    }

    #[test]
    fn a_url_of_another_scheme_than_http_is_refused() {
        for (url, said) in [
            ("/a", "absolute"),
            ("h.test:80", "absolute"),
            ("ftp://h.test/", "ftp"),
        ] {
            let error = parse(url).unwrap_err();
            assert!(error.contains(said), "{url}: {error}");
        }
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        for url in ["http://root:hunter2@h.test/", "http://hunter2@h.test"] {
            let error = parse(url).unwrap_err();
            assert!(error.contains("password"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
