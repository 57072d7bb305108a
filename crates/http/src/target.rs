//! The request target of a URL (RFC 9112, section 3.2).

use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Method, Uri};
use percent_encoding::{AsciiSet, utf8_percent_encode};

/// Path and query, or for `CONNECT` the address and port in `host` (RFC 9112, sections 3.2.1 and
/// 3.2.3).
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_what_to_ask_for() {
        for (method, url, sent) in [
            (Method::GET, "http://h.test", Ok("/")),
            (Method::GET, "http://h.test/a?b=c", Ok("/a?b=c")),
            (Method::GET, "http://h.test?b=c", Ok("/?b=c")),
            (Method::GET, "http://h.test:/a#top", Ok("/a")),
            (Method::GET, "http://h.test#top", Ok("/")),
            // Bytes outside ASCII are percent-encoded.
            (
                Method::GET,
                "http://h.test/ä?ö=ü%20",
                Ok("/%C3%A4?%C3%B6=%C3%BC%20"),
            ),
            // A tunnel is asked for by address and port.
            (Method::CONNECT, "h.test:1", Ok("h.test:1")),
            (Method::CONNECT, "http://h.test:1", Ok("h.test:1")),
            (Method::CONNECT, "https://h.test:1/", Ok("h.test:1")),
            (Method::CONNECT, "http://h.test:1/a", Err("path")),
            (Method::CONNECT, "http://h.test:1?a", Err("path")),
        ] {
            let host = HeaderValue::from_static("h.test:1");
            let form = form(&method, &url.parse().unwrap(), &host);
            match sent {
                Ok(sent) => assert_eq!(form.unwrap(), sent, "{method} {url}"),
                Err(said) => assert!(form.unwrap_err().contains(said), "{method} {url}"),
            }
        }
    }
}
