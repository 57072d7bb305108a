//! Maps a URL to the destination of its requests.

use std::cell::RefCell;
use std::collections::VecDeque;

use http::uri::{Authority, Scheme};
use http::{HeaderValue, Method, Uri};
use keepalive::authority;

use crate::Error;
use crate::outgoing::BoxError;

/// How many origins a thread remembers. Most programs use a few hosts again and again; for others,
/// a failed lookup costs next to nothing.
const REMEMBERED: usize = 4;

/// The destination of a URL's requests.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) to: keepalive::Request,
    /// The value of the `host` header: the address, and the port unless it is the scheme's default
    /// (RFC 9110, section 7.2).
    pub(crate) host: HeaderValue,
}

impl Origin {
    /// The origin of an absolute URL; for `CONNECT`, an address and a port suffice.
    ///
    /// Parsing costs about as much as all other work for a request, so each thread remembers the
    /// last few origins.
    pub(crate) fn of(method: &Method, uri: &Uri) -> Result<Self, Error> {
        let parse = || Self::parse(method, uri).map_err(Error::url);
        let (Some(scheme), Some(authority), true) =
            (uri.scheme(), uri.authority(), *method != Method::CONNECT)
        else {
            return parse();
        };
        let find = |recent: &RefCell<Recent>| {
            let recent = recent.borrow();
            let mut recent = recent.iter();
            let is_it = |known: &&(Scheme, Authority, Self)| {
                known.1.as_str() == authority.as_str() && known.0 == *scheme
            };
            recent.find(is_it).map(|known| known.2.clone())
        };
        if let Ok(Some(origin)) = RECENT.try_with(find) {
            return Ok(origin);
        }
        let origin = parse()?;
        // A thread that is ending remembers nothing more.
        let _ = RECENT.try_with(|recent| {
            let mut recent = recent.borrow_mut();
            recent.truncate(REMEMBERED - 1);
            recent.push_front((scheme.clone(), authority.clone(), origin.clone()));
        });
        Ok(origin)
    }

    /// The error contains neither path nor user info: they may hold secrets.
    fn parse(method: &Method, uri: &Uri) -> Result<Self, BoxError> {
        let connects = *method == Method::CONNECT;
        let (scheme, authority) = match (uri.scheme_str(), uri.authority()) {
            (Some(scheme), Some(authority)) => (scheme, authority),
            (None, Some(authority)) if connects => match authority.port_u16() {
                Some(443) => ("https", authority),
                Some(_) => ("http", authority),
                None => return Err("CONNECT needs an address and a port".into()),
            },
            _ => return Err("the URL is not absolute; it must start with \"http://\"".into()),
        };
        let is_http = matches!(scheme, "http" | "https");
        let default_port = authority::default_port(scheme).filter(|_| is_http);
        let not_http = || format!("the scheme {scheme:?} is not HTTP");
        let default_port = u64::from(default_port.ok_or_else(not_http)?);
        // Other methods have them in a header already.
        if authority.as_str().contains('@') {
            return Err("CONNECT takes no user name and no password".into());
        }
        let address = authority.host();
        let port = match &authority.as_str()[address.len()..] {
            "" | ":" => default_port,
            given => parse_port(given)?,
        };
        let host = match port == default_port && !connects {
            true => address.to_owned(),
            false => format!("{address}:{port}"),
        };
        let no_host = |_| format!("{address:?} can not be sent as the name of a host");
        Ok(Self {
            host: host.try_into().map_err(no_host)?,
            to: keepalive::Request::new(scheme, address, port)?,
        })
    }
}

/// Parses the text after an address: a colon and digits.
fn parse_port(given: &str) -> Result<u64, String> {
    let digits = given.strip_prefix(':');
    let port = digits.and_then(authority::digits);
    port.ok_or_else(|| format!("{:?} is not a port number", digits.unwrap_or(given)))
}

/// Origins, with the scheme and the authority of their URLs; the newest is the first.
type Recent = VecDeque<(Scheme, Authority, Origin)>;

thread_local! {
    static RECENT: RefCell<Recent> = const { RefCell::new(VecDeque::new()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The host of a manager, and the value of the `host` header.
    fn origin(method: &Method, url: &str) -> Result<(String, String), String> {
        let uri: Uri = url.parse().map_err(|_| String::new())?;
        let origin = Origin::of(method, &uri).map_err(|error| error.error_str())?;
        let header = origin.host.to_str().unwrap().to_owned();
        Ok((origin.to.host().to_string(), header))
    }

    #[test]
    fn a_host_with_a_port_is_parsed_alike_in_a_url_and_in_a_uri() {
        for (authority, expected) in [
            ("h.test", Ok(("http://h.test:80", "h.test"))),
            ("h.test:", Ok(("http://h.test:80", "h.test"))),
            ("h.test:80", Ok(("http://h.test:80", "h.test"))),
            ("h.test:1", Ok(("http://h.test:1", "h.test:1"))),
            ("h.test:01", Ok(("http://h.test:1", "h.test:1"))),
            ("h.test:65535", Ok(("http://h.test:65535", "h.test:65535"))),
            ("127.0.0.1:1", Ok(("http://127.0.0.1:1", "127.0.0.1:1"))),
            ("[::1]", Ok(("http://[::1]:80", "[::1]"))),
            ("[::1]:", Ok(("http://[::1]:80", "[::1]"))),
            ("[::1]:1", Ok(("http://[::1]:1", "[::1]:1"))),
            ("h.test:0", Err("port")),
            // A port that is too large is never replaced by another.
            ("h.test:65536", Err("65536")),
            ("h.test:99999999999999999999", Err("99999999999999999999")),
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
            let of_uri = origin(&Method::GET, &text);
            let of_url = text.parse::<crate::Url>();
            let of_url = of_url.map_err(|error| error.to_string());
            let of_url = of_url.and_then(|url| origin(&Method::GET, &url.to_string()));
            match expected {
                Ok((host, header)) => {
                    let expected = Ok((host.to_owned(), header.to_owned()));
                    assert_eq!(of_uri, expected, "{text}");
                    assert_eq!(of_url, expected, "{text}");
                }
                Err(said) => {
                    let [of_uri, of_url] = [of_uri, of_url].map(|it| it.expect_err(&text));
                    assert!(of_url.contains(said), "{text}: {of_url}");
                    // http::Uri refuses some of them without a reason.
                    let is_told = of_uri.is_empty() || of_uri.contains(said);
                    assert!(is_told, "{text}: {of_uri}");
                }
            }
        }
    }

    #[test]
    fn an_origin_is_the_same_every_time_and_its_error_repeats_no_secret() {
        let (get, connect) = (Method::GET, Method::CONNECT);
        for _ in 0..3 {
            for (method, url, host, header) in [
                (&get, "http://a.test/x", "http://a.test:80", "a.test"),
                (&get, "https://a.test/x", "https://a.test:443", "a.test"),
                (&get, "https://a.test:80", "https://a.test:80", "a.test:80"),
                (&get, "http://a.test:81/x", "http://a.test:81", "a.test:81"),
                (&get, "HTTP://A.test/x", "http://a.test:80", "A.test"),
                (&get, "http://b.test/", "http://b.test:80", "b.test"),
                // A tunnel is asked for by address and port.
                (&connect, "h.test:80", "http://h.test:80", "h.test:80"),
                (&connect, "h.test:443", "https://h.test:443", "h.test:443"),
                (&connect, "[::1]:81", "http://[::1]:81", "[::1]:81"),
                (&connect, "http://h.test", "http://h.test:80", "h.test:80"),
                (
                    &connect,
                    "https://h.test:1/",
                    "https://h.test:1",
                    "h.test:1",
                ),
            ] {
                let expected = Ok((host.to_owned(), header.to_owned()));
                assert_eq!(origin(method, url), expected, "{method} {url}");
                assert_eq!(origin(method, url), expected, "{method} {url}");
            }
            for (method, url, said) in [
                (&get, "/a", "absolute"),
                (&get, "h.test:80", "absolute"),
                (&get, "ftp://h.test/", "ftp"),
                (&get, "http://a.test:0/", "port"),
                (&get, "http://[::1]8:80", "\"8:80\" is not a port number"),
                (&get, "http://[::1]80/", "\"80\" is not a port number"),
                (&get, "http://h.test:+80", "\"+80\" is not a port number"),
                (&get, "http://root:hunter2@h.test/", "password"),
                (&get, "http://hunter2@h.test", "password"),
                (&connect, "h.test", "port"),
                (&connect, "/a", "absolute"),
                (&connect, "root:hunter2@h.test:80", "password"),
            ] {
                let error = origin(method, url).unwrap_err();
                assert!(error.contains(said), "{method} {url}: {error}");
                assert!(!error.contains("hunter2"), "{method} {url}: {error}");
            }
        }
    }
}
