//! Proxies that forward HTTP requests.

use std::fmt;

use crate::api::request::Request;
use crate::sync::Arc;

/// A proxy that forwards HTTP requests, which a client sends to it with the whole URL (RFC 9112
/// section 3.2.2).
///
/// [`Connector::forwarder`](crate::Connector::forwarder) returns it.
#[derive(Clone)]
pub struct Forwarder {
    request: Request,
    authorization: Option<Arc<str>>,
}

impl Forwarder {
    /// A forwarder, where `request` is for a connection to it.
    ///
    /// `authorization` is the value of the header `Proxy-Authorization` (RFC 9110 section 11.7.2).
    pub fn new(request: Request, authorization: Option<String>) -> Self {
        Self {
            request,
            authorization: authorization.map(Into::into),
        }
    }

    /// The request for a connection to the forwarder. Its host is the key of limits and reuse.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The value of the header `Proxy-Authorization`, if the forwarder needs it. It is a secret for
    /// the forwarder alone.
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// The same forwarder, over connections of this partition.
    #[must_use]
    pub fn partition(mut self, label: &str) -> Self {
        self.request = self.request.partition(label);
        self
    }
}

/// Shows whether there are credentials, but not the credentials.
impl fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarder")
            .field("host", self.request.host())
            .field("authorization", &self.authorization.is_some())
            .finish()
    }
}
