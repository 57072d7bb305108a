//! Maps a URL to the host of a manager, and a host back to the URL for a connector.

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};
use keepalive::authority::{Bracketed, default_port, without_user};
use keepalive::{Host, Request, RequestError};

/// The host of a URL that has a scheme and an authority.
///
/// If a manager would normalise or reject the name, the host is distinguished by its literal
/// authority instead: the connector interprets it.
pub(super) fn request(scheme: &Scheme, authority: &Authority) -> Result<Request, RequestError> {
    let port = authority
        .port_u16()
        .or_else(|| default_port(scheme.as_str()));
    if let Some(port) = port.filter(|&port| port != 0)
        && let Ok(request) = Request::new(scheme.as_str(), authority.host(), port)
        // The manager keeps the name unchanged, except for case.
        && Bracketed(request.host().address())
            .to_string()
            .eq_ignore_ascii_case(authority.host())
    {
        return Ok(request);
    }
    let authority = without_user(authority.as_str());
    Ok(Request::new("uri", "authority.invalid", 1)?.partition(format!("{scheme}://{authority}")))
}

/// The URL that a connector receives.
pub(super) fn uri(host: &Host) -> Result<Uri, http::Error> {
    if let Some(given) = host.partition() {
        return Ok(format!("{given}/").try_into()?);
    }
    let scheme = Scheme::try_from(host.scheme())?;
    let address = Bracketed(host.address());
    let authority = match default_port(scheme.as_str()) {
        Some(port) if port == host.port() => address.to_string(),
        _ => format!("{address}:{}", host.port()),
    };
    let path = PathAndQuery::from_static("/");
    let uri = Uri::builder().scheme(scheme).authority(authority);
    uri.path_and_query(path).build()
}

/// The value of the `host` header: the name, and the port unless it is the scheme's default.
pub(super) fn header(scheme: &Scheme, authority: &Authority) -> Option<HeaderValue> {
    let name = authority.host();
    let text = match authority.port_u16() {
        Some(port) if Some(port) != default_port(scheme.as_str()) => format!("{name}:{port}"),
        _ => name.to_owned(),
    };
    text.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn there_and_back(url: &str) -> (Request, String) {
        let parts = url.parse::<Uri>().unwrap().into_parts();
        let request = request(&parts.scheme.unwrap(), &parts.authority.unwrap()).unwrap();
        let uri = uri(request.host()).unwrap().to_string();
        (request, uri)
    }

    #[test]
    fn a_connector_is_asked_for_what_the_url_says() {
        for (url, asked) in [
            ("http://h.test/a?b", "http://h.test/"),
            ("http://h.test:80", "http://h.test/"),
            ("https://H.test:444", "https://h.test:444/"),
            ("http://[::1]:81", "http://[::1]:81/"),
            ("http://name:secret@h.test/", "http://h.test/"),
        ] {
            let (request, uri) = there_and_back(url);
            assert_eq!((request.host().partition(), &*uri), (None, asked), "{url}");
        }
    }

    #[test]
    fn a_url_unknown_to_the_manager_is_for_the_connector() {
        for (url, asked) in [
            ("unix://2f746d70:0/a", "unix://2f746d70:0/"),
            ("http://h.test.", "http://h.test./"),
            ("http://256.1.1.1:81", "http://256.1.1.1:81/"),
            ("other://h.test", "other://h.test/"),
            ("http://name:secret@h.test.", "http://h.test./"),
        ] {
            let (request, uri) = there_and_back(url);
            assert!(request.host().partition().is_some(), "{url}");
            assert_eq!(uri, asked, "{url}");
        }
    }
}
