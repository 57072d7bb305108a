//! The cookies of one fetch, set by servers along its redirects (RFC 6265).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cookie_store::{CookieStore, RawCookie};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Request, Uri};
use url::Url;

/// The cookies of one fetch. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Jar(Arc<Mutex<CookieStore>>);

impl Jar {
    /// Adds the cookies for the server of `request`, after those that it has.
    pub(crate) fn open<B>(&self, request: &mut Request<B>) {
        let Ok(url) = Url::parse(&request.uri().to_string()) else {
            return;
        };
        let given = request.headers().get_all(COOKIE).into_iter();
        let given = given.map(|value| value.as_bytes().to_vec());
        let mut pairs: Vec<_> = given.collect();
        for (name, value) in self.lock().get_request_values(&url) {
            pairs.push(format!("{name}={value}").into_bytes());
        }
        if pairs.is_empty() {
            return;
        }
        if let Ok(mut value) = HeaderValue::try_from(pairs.join(&b"; "[..])) {
            value.set_sensitive(true);
            request.headers_mut().insert(COOKIE, value);
        }
    }

    /// Stores the cookies of a response from `uri`, except those for a whole top-level domain.
    pub(crate) fn fill(&self, uri: &Uri, headers: &HeaderMap) {
        let Ok(url) = Url::parse(&uri.to_string()) else {
            return;
        };
        let texts = headers.get_all(SET_COOKIE).into_iter();
        let texts = texts.filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
        let cookies = texts.filter_map(|text| RawCookie::parse(text.to_owned()).ok());
        let is_narrow = |cookie: &RawCookie<'_>| {
            let domain = cookie.domain().map(|domain| domain.trim_matches('.'));
            domain.is_none_or(|domain| domain.contains('.') || url.host_str() == Some(domain))
        };
        let cookies: Vec<_> = cookies.filter(is_narrow).collect();
        self.lock()
            .store_response_cookies(cookies.into_iter(), &url);
    }

    fn lock(&self) -> MutexGuard<'_, CookieStore> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(jar: &Jar, uri: &str, given: Option<&str>) -> Option<String> {
        let mut request = Request::get(uri).body(()).unwrap();
        if let Some(given) = given {
            request.headers_mut().insert(COOKIE, given.parse().unwrap());
        }
        jar.open(&mut request);
        let value = request.headers().get(COOKIE)?;
        Some(value.to_str().unwrap().to_owned())
    }

    fn set(jar: &Jar, uri: &str, cookies: &[&str]) {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(SET_COOKIE, cookie.parse().unwrap());
        }
        jar.fill(&uri.parse().unwrap(), &headers);
    }

    #[test]
    fn cookies_are_sent_to_the_hosts_and_paths_they_are_for() {
        let jar = Jar::default();
        let set_by = "http://a.h.test/x";
        set(
            &jar,
            set_by,
            &[
                "a=1",
                "b=2; Domain=h.test",
                "c=3; Domain=other.test",
                "d=4; Domain=test",
            ],
        );
        set(
            &jar,
            set_by,
            &["e=5; Path=/y", "f=6; Secure", "g=7; Max-Age=0", "no cookie"],
        );
        for (uri, pairs) in [
            (set_by, &["a=1", "b=2"][..]),
            ("http://a.h.test:81/y", &["a=1", "b=2", "e=5"]),
            ("http://b.h.test/", &["b=2"]),
            ("http://other.test/", &[]),
        ] {
            let sent = sent(&jar, uri, None).unwrap_or_default();
            let mut found: Vec<_> = sent.split("; ").filter(|pair| !pair.is_empty()).collect();
            found.sort_unstable();
            assert_eq!(found, pairs, "{uri}");
        }
        assert_eq!(
            sent(&jar, "http://b.h.test/", Some("x=0")).unwrap(),
            "x=0; b=2"
        );
        assert_eq!(
            sent(&jar, "http://other.test/", Some("x=0")).unwrap(),
            "x=0"
        );
    }
}
