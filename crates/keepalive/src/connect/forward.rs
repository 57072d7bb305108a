//! Who forwards the requests of HTTP that are for a host.

use std::fmt;

use crate::request::Request;
use crate::sync::Arc;

/// A proxy that forwards requests of HTTP, which a client gives it with the whole URL (RFC 9112
/// section 3.2.2): the answer of [`Connector::forwarder`](crate::Connector::forwarder).
#[derive(Clone)]
pub struct Forwarder {
    request: Request,
    authorization: Option<Arc<str>>,
}

impl Forwarder {
    /// A forwarder to which `request` asks for a connection.
    ///
    /// `authorization` is the value of the header `Proxy-Authorization` (RFC 9110 section 11.7.2).
    pub fn new(request: Request, authorization: Option<String>) -> Self {
        Self {
            request,
            authorization: authorization.map(Into::into),
        }
    }

    /// Asks for a connection to the forwarder. Its host is the one that limits and reuse go by.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The value of the header `Proxy-Authorization`, if the forwarder is to have one: a secret,
    /// which is for nobody else.
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

/// Tells whether there are credentials, not which.
impl fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarder")
            .field("host", self.request.host())
            .field("authorization", &self.authorization.is_some())
            .finish()
    }
}
