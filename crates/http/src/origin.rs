//! Maps a URL to the destination of its requests.

use std::cell::RefCell;

use http::uri::{Authority, Scheme};
use http::{HeaderValue, Method, Uri};

use crate::Error;
use crate::target::Target;

/// How many origins a thread remembers. Most programs use a few hosts again and again; for others,
/// a failed lookup costs next to nothing.
const REMEMBERED: usize = 4;

/// The destination of a URL's requests, and the value of their `host` header.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) to: keepalive::Request,
    pub(crate) host: HeaderValue,
}

impl Origin {
    /// The origin of an absolute URL; for `CONNECT`, an address and a port suffice.
    ///
    /// Parsing costs about as much as all other work for a request, so each thread remembers the
    /// last few origins.
    pub(crate) fn of(method: &Method, uri: &Uri) -> Result<Self, Error> {
        if *method == Method::CONNECT {
            return Self::parse(method, uri);
        }
        let known = RECENT.try_with(|recent| recent.borrow().find(uri));
        if let Ok(Some(origin)) = known {
            return Ok(origin);
        }
        let origin = Self::parse(method, uri)?;
        // A thread that is ending remembers nothing more.
        let _ = RECENT.try_with(|recent| recent.borrow_mut().add(uri, &origin));
        Ok(origin)
    }

    fn parse(method: &Method, uri: &Uri) -> Result<Self, Error> {
        let target = Target::parse(method, uri).map_err(Error::url)?;
        let to = keepalive::Request::new(&target.scheme, &target.address, target.port);
        Ok(Self {
            to: to.map_err(Error::url)?,
            host: target.host,
        })
    }
}

thread_local! {
    static RECENT: RefCell<Recent> = const { RefCell::new(Recent::new()) };
}

struct Recent {
    known: [Option<Known>; REMEMBERED],
    oldest: usize,
}

struct Known {
    scheme: Scheme,
    authority: Authority,
    origin: Origin,
}

impl Recent {
    const fn new() -> Self {
        Self {
            known: [const { None }; REMEMBERED],
            oldest: 0,
        }
    }

    fn find(&self, uri: &Uri) -> Option<Origin> {
        let (scheme, authority) = (uri.scheme()?, uri.authority()?);
        let mut known = self.known.iter().flatten();
        let known = known.find(|known| {
            known.authority.as_str() == authority.as_str() && known.scheme == *scheme
        })?;
        Some(known.origin.clone())
    }

    fn add(&mut self, uri: &Uri, origin: &Origin) {
        if let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) {
            self.known[self.oldest] = Some(Known {
                scheme: scheme.clone(),
                authority: authority.clone(),
                origin: origin.clone(),
            });
            self.oldest = (self.oldest + 1) % REMEMBERED;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(url: &str) -> String {
        let origin = Origin::of(&Method::GET, &url.parse().unwrap()).unwrap();
        assert_eq!(origin.host, url.split('/').nth(2).unwrap());
        origin.to.host().to_string()
    }

    #[test]
    fn a_remembered_origin_equals_a_parsed_one() {
        let urls = [
            "http://a.test/x",
            "https://a.test/x",
            "http://a.test:81/x",
            "http://A.test/x",
            "http://b.test/",
            "http://c.test/",
        ];
        let hosts = [
            "http://a.test:80",
            "https://a.test:443",
            "http://a.test:81",
            "http://a.test:80",
            "http://b.test:80",
            "http://c.test:80",
        ];
        for _ in 0..3 {
            for (url, expected) in urls.iter().zip(hosts) {
                assert_eq!(host(url), expected);
                assert_eq!(host(url), expected);
            }
        }
    }

    #[test]
    fn an_invalid_origin_is_an_error_every_time() {
        for _ in 0..2 {
            assert!(Origin::of(&Method::GET, &"http://u:p@a.test/".parse().unwrap()).is_err());
            assert!(Origin::of(&Method::GET, &"http://a.test:0/".parse().unwrap()).is_err());
        }
    }
}
