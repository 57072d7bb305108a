//! What a URL says: where to connect to, and what to ask for.

use http::uri::PathAndQuery;
use http::{HeaderValue, Uri};

/// The parts of a URL, each in the form in which it is used.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) scheme: String,
    /// As in the URL, with the brackets of an IPv6 address.
    pub(crate) address: String,
    /// Whether it is in range is for [`keepalive::Request`] to say.
    pub(crate) port: u64,
    /// The address, and the port where it is not the scheme's own (RFC 9110, section 7.2).
    pub(crate) host: HeaderValue,
}

impl Target {
    /// Takes an absolute URL apart.
    ///
    /// Neither its path nor its user info are in the error: they may hold secrets.
    pub(crate) fn parse(uri: &Uri) -> Result<Self, String> {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err("the URL is not absolute; it must start with \"http://\"".to_owned());
        };
        let default_port = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            other => return Err(format!("the scheme {other:?} is not HTTP")),
        };
        if authority.as_str().contains('@') {
            return Err(
                "the URL holds a user name or a password; send an \"authorization\" header instead"
                    .to_owned(),
            );
        }
        let address = authority.host();
        let port = match &authority.as_str()[address.len()..] {
            "" | ":" => default_port,
            given => parse_port(given)?,
        };
        let host = if port == default_port {
            address.to_owned()
        } else {
            format!("{address}:{port}")
        };
        let host = host
            .try_into()
            .map_err(|_| format!("{address:?} can not be sent as the name of a host"))?;
        Ok(Self {
            scheme: scheme.as_str().to_owned(),
            address: address.to_owned(),
            port,
            host,
        })
    }
}

/// The path and the query of a URL, which is all the server is sent (RFC 9112, section 3.2.1).
pub(crate) fn path(uri: &Uri) -> PathAndQuery {
    // Before a fragment, as in "http://h.test#top", one may be there that calls itself "/" and is
    // sent as nothing.
    match uri.path_and_query() {
        Some(path) if path.as_str() != "/" => path.clone(),
        _ => PathAndQuery::from_static("/"),
    }
}

/// Reads what follows the address: a colon and digits, not the "+80" that `parse` alone takes.
fn parse_port(given: &str) -> Result<u64, String> {
    let digits = given.strip_prefix(':').unwrap_or(given);
    let clean = given.starts_with(':') && digits.bytes().all(|b| b.is_ascii_digit());
    let port = digits.parse().ok().filter(|_| clean);
    port.ok_or_else(|| format!("{digits:?} is not a port number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parse(url: &str) -> Result<Target, String> {
        Target::parse(&url.parse().unwrap())
    }

    #[track_caller]
    fn check(url: &str, address: &str, port: u64, host: &str, path: &str) {
        let target = parse(url).unwrap();
        let found = (&*target.address, target.port, target.host.to_str().unwrap());
        assert_eq!(found, (address, port, host));
        assert_eq!(Uri::from(super::path(&url.parse().unwrap())), path);
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
    fn an_ipv6_address_keeps_its_brackets() {
        check("http://[::1]/", "[::1]", 80, "[::1]", "/");
        check("http://[::1]:8080", "[::1]", 8080, "[::1]:8080", "/");
    }

    #[test]
    fn a_port_is_never_guessed() {
        assert_eq!(parse("http://h.test:65536").unwrap().port, 65_536);
        let error = parse("http://h.test:99999999999999999999").unwrap_err();
        assert!(error.contains("99999999999999999999"), "{error}");
    }

    #[test]
    fn what_follows_an_address_is_a_port_or_an_error() {
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
    fn what_is_no_url_of_http_is_refused() {
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
