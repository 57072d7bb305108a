//! Sends requests over the connections of a manager.

use std::fmt;
use std::future::{Future, poll_fn};

use http::{Method, Request, Response, Uri};
use hyper::body::Incoming;
use keepalive::{Connection, Lease, Manager, Net, Pending};
use keepalive_engine::planted;

use crate::connection::Unanswered;
use crate::exchange::Exchange;
use crate::{Allocation, Body, Error, Http, StreamConnector};

// A server that restarts closes all idle connections at once; while one request fails, the watchers
// of the others have the time to notice.
const RETRIES: u32 = 3;

/// An HTTP/1.1 client on the connections of a [`Manager`].
///
/// It sends `GET` and `HEAD` over `http`, and `https` by what the manager's connector has for TLS:
/// `Http::over(Net::new().tls(..))` sets it. Redirects are not followed, and bodies arrive as they are sent.
///
/// Cloning is cheap; all clones use the one manager, and so do other clients made with it.
///
/// # Examples
///
/// ```no_run
/// use http_body_util::BodyExt;
/// use keepalive::Manager;
/// use keepalive_http::{Client, Http};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new(Manager::builder().connector(Http::new()).build()?);
/// let response = client.get("http://127.0.0.1:8080/".parse()?).await?;
/// println!("{}", response.status());
/// let text = response.into_body().collect().await?.to_bytes();
/// # Ok(())
/// # }
/// ```
pub struct Client<C: StreamConnector = Net> {
    manager: Manager<Http<C>>,
    retries: u32,
}

impl<C: StreamConnector> Client<C> {
    /// A client that takes its connections from `manager`.
    pub fn new(manager: Manager<Http<C>>) -> Self {
        Self {
            manager,
            retries: RETRIES,
        }
    }

    /// How often at most a request is sent again; 3 if it is not set.
    ///
    /// It is sent again only when a reused connection fails before any byte of a response, because
    /// the server has closed it just then. 0 leaves that to the caller. A large number lets a
    /// server that closes whatever it is sent on a reused connection make us try as often.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The manager whose connections are used.
    pub fn manager(&self) -> &Manager<Http<C>> {
        &self.manager
    }

    /// Sends a `GET`; see [`request`](Self::request).
    #[track_caller]
    pub fn get(
        &self,
        uri: Uri,
    ) -> impl Future<Output = Result<Response<Body<C>>, Error>> + Send + use<C> {
        self.request(bare(Method::GET, uri))
    }

    /// Sends a `HEAD`; see [`request`](Self::request).
    #[track_caller]
    pub fn head(
        &self,
        uri: Uri,
    ) -> impl Future<Output = Result<Response<Body<C>>, Error>> + Send + use<C> {
        self.request(bare(Method::HEAD, uri))
    }

    /// Sends a request without a body, and waits for the head of its response.
    ///
    /// The URL must be absolute. The `host` header is set from it, if it is not given; no other
    /// header is added. The place in the queue is taken when this is called, not when the future
    /// is first polled, and so is the line of the caller's code that the manager lists leases by.
    ///
    /// The response has an [`Allocation`] among its extensions, and a [`Body`] that holds the
    /// connection until it has been read. There is no timeout but the manager's own, which ends
    /// with the allocation; put one around the future and the reading where it is needed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future withdraws the request. If it was sent, its connection is closed, and
    /// the server may have acted on it.
    ///
    /// # Errors
    ///
    /// When the URL or the request can not be used, no connection is to be had, or it fails before
    /// the head of the response is complete. [`Error::function`] tells which.
    #[track_caller]
    pub fn request(
        &self,
        request: Request<()>,
    ) -> impl Future<Output = Result<Response<Body<C>>, Error>> + Send + use<C> {
        // Not in the async block: there, the caller's line is lost.
        let first = match Exchange::new(request) {
            Ok(exchange) => {
                let pending = self.manager.allocate(exchange.to());
                Ok((exchange, pending))
            }
            Err(error) => Err(error),
        };
        let client = self.clone();
        async move {
            let (exchange, pending) = first?;
            client.run(&exchange, pending).await
        }
    }

    /// Sends a request over the connection that was asked for; over others, where that is safe.
    async fn run(
        &self,
        exchange: &Exchange,
        mut pending: Pending<Http<C>>,
    ) -> Result<Response<Body<C>>, Error> {
        let mut resent = 0;
        loop {
            let mut lease = pending
                .await
                .map_err(|error| Error::allocation(error).with_resent(resent))?;
            let failure = match send(exchange, &mut lease).await {
                Ok(response) => return Ok(respond(exchange, response, lease, resent).await),
                Err(failure) => failure,
            };
            if !failure.repeatable || (resent == self.retries && !planted!(ResentForEver)) {
                let error = failure.error.with_timing(lease.timing());
                return Err(error.with_resent(resent));
            }
            lease.close();
            resent += 1;
            pending = self.manager.allocate(exchange.to());
        }
    }
}

impl<C: StreamConnector> Clone for Client<C> {
    fn clone(&self) -> Self {
        Self {
            manager: self.manager.clone(),
            retries: self.retries,
        }
    }
}

impl<C: StreamConnector> fmt::Debug for Client<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("manager", &self.manager)
            .field("retries", &self.retries)
            .finish()
    }
}

/// A request that got no response, and whether it is safe to send it again.
struct Failure {
    error: Error,
    repeatable: bool,
}

async fn send<C: StreamConnector>(
    exchange: &Exchange,
    lease: &mut Lease<Http<C>>,
) -> Result<Response<Incoming>, Failure> {
    let reused = lease.from_cache().is_some();
    let (method, host) = (exchange.method(), exchange.host());
    // The manager does not ask the system about a connection that was idle for less than a
    // millisecond. Here a byte too many would become the answer to this request (B10), so we do.
    if reused
        && !planted!(ExtraBytesIgnored)
        && let Err(unusable) = lease.check()
    {
        return Err(Failure {
            error: Error::request(method, host, unusable.to_string()),
            repeatable: true,
        });
    }
    lease
        .send(exchange.message())
        .await
        .map_err(|failure| Failure {
            repeatable: planted!(ResentWhenFresh) || reused && is_repeatable(&failure),
            error: if failure.sent {
                Error::response(method, host, failure.error)
            } else {
                Error::request(method, host, failure.error)
            },
        })
}

/// Whether a request that failed on a reused connection may be sent again: none of it has left, or
/// nothing came back (RFC 9110, section 9.2.2; only idempotent requests get here).
fn is_repeatable(failure: &Unanswered) -> bool {
    !failure.sent || !(failure.answered || failure.error.is_user())
}

async fn respond<C: StreamConnector>(
    exchange: &Exchange,
    response: Response<Incoming>,
    lease: Lease<Http<C>>,
    resent: u32,
) -> Response<Body<C>> {
    let allocation = Allocation {
        id: lease.id(),
        from_cache: lease.from_cache(),
        timing: lease.timing(),
        resent,
    };
    let (mut head, incoming) = response.into_parts();
    head.extensions.insert(allocation);
    let mut body = Body::new(incoming, lease, exchange.method().clone());
    poll_fn(|cx| body.poll_settle(cx)).await;
    Response::from_parts(head, body)
}

fn bare(method: Method, uri: Uri) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    request
}
