//! One request on one connection, and whether it may be sent again on another.

use http::Response;
use hyper::body::Incoming;
use keepalive::Connection;
use keepalive_engine::planted;

use crate::connection::Unanswered;
use crate::exchange::{Exchange, Form};
use crate::hold::Hold;
use crate::outgoing::{BoxError, Outgoing};
use crate::{Error, StreamConnector};

/// A request that got no response, and the body to send it with again, if that is safe.
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) again: Option<Outgoing>,
}

/// Sends a request on the connection that is held, and waits for the head of its response.
pub(crate) async fn send<C: StreamConnector>(
    exchange: &Exchange,
    form: Form,
    body: Outgoing,
    hold: &mut Hold<C>,
) -> Result<Response<Incoming>, Failure> {
    let lease = hold.lease();
    let reused = lease.from_cache().is_some() || planted!(ResentWhenFresh);
    let (method, host) = (exchange.method(), exchange.host());
    let version = lease.version();
    if let Err(what) = exchange.check_version(version) {
        return Err(Failure {
            error: Error::request(method, host, what),
            again: None,
        });
    }
    // The manager does not ask the system about a connection that was idle for less than a
    // millisecond. Here a byte too many would become the answer to this request (B10), so we do.
    if reused
        && !planted!(ExtraBytesIgnored)
        && let Err(unusable) = lease.check()
    {
        return Err(Failure {
            error: Error::request(method, host, unusable.to_string()),
            again: Some(body),
        });
    }
    let shared = lease.is_shared();
    let copy = (reused || shared).then(|| body.again()).flatten();
    let sent = lease.send(|| exchange.message(version, form, body)).await;
    sent.map_err(|failure| {
        let was_sent = failure.unsent.is_none() && !failure.is_user;
        let (again, error) = failure.again(reused, shared, exchange.is_idempotent(), copy);
        Failure {
            error: match was_sent {
                true => Error::response(method, host, error),
                false => Error::request(method, host, error),
            },
            again,
        }
    })
}

impl Unanswered {
    /// The body to send the request with again, if that is safe (RFC 9110, section 9.2.2): none of
    /// it has left, or the peer says that it has done nothing about it, or it may be done twice and
    /// the connection had been used before, so that the peer may have closed it just then.
    fn again(
        self,
        reused: bool,
        shared: bool,
        idempotent: bool,
        copy: Option<Outgoing>,
    ) -> (Option<Outgoing>, BoxError) {
        let again = match self.unsent {
            // Where it is shared, what others ask may end it before this request has left.
            Some(body) => Some(*body).filter(|_| reused || shared),
            None if self.refused => copy,
            None => copy.filter(|_| {
                reused && (idempotent || planted!(PostedTwice)) && !self.answered && !self.is_user
            }),
        };
        (again, self.error)
    }
}
