//! One request as it is sent, once or several times.

use http::header::{CONTENT_LENGTH, Entry, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Version};
use http_body_util::Empty;
use hyper::body::Bytes;

use crate::Error;
use crate::target::Target;

/// A request, checked and ready to be sent, and where to.
#[derive(Debug)]
pub(crate) struct Exchange {
    to: keepalive::Request,
    head: Parts,
}

impl Exchange {
    /// Checks a request of the user's, and completes it with the `host` header.
    pub(crate) fn new(request: Request<()>) -> Result<Self, Error> {
        let (mut head, ()) = request.into_parts();
        let target = Target::parse(&head.uri).map_err(Error::url)?;
        let to = keepalive::Request::new(&target.scheme, &target.address, target.port)
            .map_err(Error::url)?;
        check(&head).map_err(|what| Error::request(&head.method, to.host(), what))?;

        head.uri = target.path;
        if let Entry::Vacant(entry) = head.headers.entry(HOST) {
            entry.insert(target.host);
        }
        Ok(Self { to, head })
    }

    /// What to ask the manager for.
    pub(crate) fn to(&self) -> keepalive::Request {
        self.to.clone()
    }

    /// What to send.
    pub(crate) fn message(&self) -> Request<Empty<Bytes>> {
        Request::from_parts(self.head.clone(), Empty::new())
    }

    pub(crate) fn method(&self) -> &Method {
        &self.head.method
    }

    pub(crate) fn host(&self) -> &keepalive::Host {
        self.to.host()
    }
}

fn check(head: &Parts) -> Result<(), String> {
    let Parts {
        method,
        version,
        headers,
        ..
    } = head;
    if *method != Method::GET && *method != Method::HEAD {
        return Err(format!(
            "the method {method} is not supported, only GET and HEAD are"
        ));
    }
    if *version != Version::HTTP_11 && *version != Version::HTTP_10 {
        return Err(format!(
            "{version:?} is not supported, only HTTP/1.1 and HTTP/1.0 are"
        ));
    }
    // There is no body: the server would take our next request for it.
    if announces_body(headers) {
        return Err("the headers announce a body, but none is sent".to_owned());
    }
    Ok(())
}

fn announces_body(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).into_iter();
    headers.contains_key(TRANSFER_ENCODING) || lengths.any(|length| length != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(build: impl FnOnce(http::request::Builder) -> http::request::Builder) -> String {
        let request = build(Request::builder()).uri("/").body(()).unwrap();
        check(&request.into_parts().0).unwrap_err()
    }

    #[test]
    fn what_can_not_be_sent_yet_is_refused() {
        assert!(refused(|request| request.method("POST")).contains("POST"));
        assert!(refused(|request| request.version(Version::HTTP_3)).contains("HTTP/3.0"));
        assert!(refused(|request| request.header("content-length", "5")).contains("body"));
        assert!(refused(|request| request.header("transfer-encoding", "chunked")).contains("body"));
    }

    #[test]
    fn a_length_of_nothing_is_no_body() {
        let request = Request::head("/").header("content-length", "0").body(());
        check(&request.unwrap().into_parts().0).unwrap();
    }
}
