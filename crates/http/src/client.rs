//! Sends requests over the connections of a manager.

use std::borrow::Cow;
use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::upgrade::OnUpgrade;
use keepalive::{Connection, Connector, FromCache, Lease, Manager, NetConnector};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use crate::deadlines::Timer;
use crate::exchange::{Exchange, Form};
use crate::hold::Hold;
use crate::outgoing::{BoxError, Outgoing};
use crate::received::Received;
use crate::rest::Rest;
use crate::{
    Allocation, Body, Deadline, Deadlines, Error, Http, HttpConnection, IntoUrl, StreamConnector,
    once, resend, rest,
};

// A server that restarts closes all idle connections at once. While one request fails, the watchers
// of the other connections have time to notice.
const RETRIES: u32 = 3;

const EXPECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A client for HTTP/1.1 and HTTP/2 on the connections of a [`Manager`].
///
/// It sends requests over `http`, and over `https` with the TLS settings of the manager's
/// connector, which `Http::over(NetConnector::new().tls(..))` sets. [`Http`] chooses the version of
/// HTTP. The client does not follow redirects, and returns bodies as they are sent.
///
/// If an HTTP proxy is set for scheme `http`, the client sends requests to the proxy, which
/// forwards them. The proxy's credentials go into `proxy-authorization`; its own responses, such as
/// 407, are returned like any other. The manager then counts and reuses by the proxy's
/// [host](keepalive::Host), for all servers together. `CONNECT`, requests with the header
/// `upgrade`, and [HTTP/2 alone](Http::http2_only) go through a tunnel. See
/// [`Connector::forwarder`].
///
/// Cloning is cheap; all clones share one manager, as do other clients made with it.
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
/// let response = client.get("http://127.0.0.1:8080/").await?;
/// println!("{}", response.status());
/// let text = response.into_body().collect().await?.to_bytes();
/// # Ok(())
/// # }
/// ```
pub struct Client<C: StreamConnector = NetConnector> {
    manager: Manager<Http<C>>,
    retries: u32,
    rest: Rest,
    deadlines: Deadlines,
    expect_timeout: Duration,
}

impl<C: StreamConnector> Client<C> {
    /// A client that takes its connections from `manager`.
    pub fn new(manager: Manager<Http<C>>) -> Self {
        Self {
            manager,
            retries: RETRIES,
            rest: rest::USUAL,
            deadlines: Deadlines::new(),
            expect_timeout: EXPECT_TIMEOUT,
        }
    }

    /// Sets how often a request is sent again at most. Default 3.
    ///
    /// A request is sent again in these cases, and in no other:
    ///
    /// - No byte of it was sent, and the connection was used before or is HTTP/2.
    /// - An HTTP/2 server reports that it did not process the request (RFC 9113, section 8.7). It
    ///   does so by `REFUSED_STREAM`, or by a `GOAWAY` that names an earlier stream as the last.
    /// - The request is idempotent, and its reused connection ended without a byte of a response.
    ///   The server may have closed it just then (RFC 9112, section 9.3.1). `GET` and `PUT` are
    ///   idempotent, `POST` is not (RFC 9110, section 9.2.2); [`Idempotent`](crate::Idempotent)
    ///   overrides this for a single request.
    /// - The server requires HTTP/1.1 for the request (`HTTP_1_1_REQUIRED`), and [`Http`] allows
    ///   it.
    /// - The response is the first 421: the request goes to another connection (RFC 9110, section
    ///   15.5.20). A second 421 is returned.
    ///
    /// Any other stream error is the server's answer, and the request is not sent again. An interim
    /// response of HTTP/2 does not count as a byte of a response, since hyper does not report it.
    ///
    /// A body in memory as a whole, such as `Full<Bytes>` or a `String`, is sent again with its
    /// request. A request with a streamed body is sent again only if no byte of it was sent.
    ///
    /// A server that refuses requests is overloaded. After `REFUSED_STREAM`, a `GOAWAY` with an
    /// error, or a new HTTP/2 connection that ended, the request waits for a random time before the
    /// next try. The time is 10 to 100 ms at first, then up to twice as long each time, and at most
    /// 2 s. Outside a tokio runtime there is no timer, and such a request fails.
    ///
    /// The last retry uses no idle HTTP/1.1 connection. A network device may have cut them all off,
    /// so the client closes each one it is given, and the manager opens a new one. If the limits
    /// leave no room for that, the retry uses the next connection that another request returns.
    ///
    /// All retries happen within the manager's timeout. With 0, the caller retries. With a large
    /// number, a server that closes every reused connection causes as many tries.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Sets how much of a body dropped before its end is still read, so that its connection can be
    /// reused. Default 64 KiB, within 50 ms.
    ///
    /// If more is missing, or does not arrive in time, the connection is closed; it counts as in
    /// use until then. 0 for either value closes it at once. This applies to HTTP/1.1 only: a
    /// stream of HTTP/2 costs nothing to give up.
    #[must_use]
    pub fn rest(mut self, bytes: u64, time: Duration) -> Self {
        self.rest = Rest { bytes, time };
        self
    }

    /// Sets how long an exchange may take once it has its connection. Default: no limit.
    /// [`Deadlines`] in the extensions of a request replace these.
    #[must_use]
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// Sets how long the body of a request with `expect: 100-continue` waits for the server's
    /// consent. Default one second, as in curl; 0 sends the body at once.
    ///
    /// The client sends the body as soon as the server responds with 100. If the server sends a
    /// final response first, the client does not send the body (RFC 9110, section 10.1.1). It then
    /// closes the connection, at most a second after the end of that response. This applies to
    /// HTTP/1.1 only: in HTTP/2 the body is sent at once, as hyper does not report a 100.
    #[must_use]
    pub fn expect_timeout(mut self, time: Duration) -> Self {
        self.expect_timeout = time;
        self
    }

    /// The manager whose connections this client uses.
    pub fn manager(&self) -> &Manager<Http<C>> {
        &self.manager
    }

    /// Sends a `GET`; see [`request`](Self::request).
    ///
    /// Text is parsed as a [`Url`](crate::Url), as browsers parse it.
    ///
    /// # Cancel safety
    ///
    /// As that of [`request`](Self::request).
    ///
    /// # Errors
    ///
    /// Those of [`request`](Self::request).
    #[inline]
    #[track_caller]
    pub fn get<U: IntoUrl>(
        &self,
        url: U,
    ) -> impl Future<Output = Result<Response<Body<C>>, Error>> + Send + use<U, C> {
        self.send(self.bare(Method::GET, url), Location::caller())
    }

    /// Sends a `HEAD`; see [`request`](Self::request).
    ///
    /// Text is parsed as a [`Url`](crate::Url), as browsers parse it.
    ///
    /// # Cancel safety
    ///
    /// As that of [`request`](Self::request).
    ///
    /// # Errors
    ///
    /// Those of [`request`](Self::request).
    #[inline]
    #[track_caller]
    pub fn head<U: IntoUrl>(
        &self,
        url: U,
    ) -> impl Future<Output = Result<Response<Body<C>>, Error>> + Send + use<U, C> {
        self.send(self.bare(Method::HEAD, url), Location::caller())
    }

    /// Sends a request, and waits for the head of its response.
    ///
    /// The URL must be absolute. The client adds the `host` header if it is missing, and the length
    /// of the body if it is known. A user name and a password in the URL become an `authorization`
    /// header, if there is none (RFC 7617). No other header is added. In path and query, bytes
    /// outside ASCII are percent-encoded. If the header `trailer` announces trailers, a streamed
    /// body is sent in chunks, even if its length is known (RFC 9112, section 7.1.2). Nothing
    /// happens before the future is polled. The manager lists the lease under the caller's source
    /// line.
    ///
    /// The response has a [`Body`] that holds the connection until it has been read, and tells how the
    /// client got it ([`Body::allocation`]). A response that changes the protocol (101), or accepts a
    /// `CONNECT`, leaves the connection to the caller of [`hyper::upgrade::on`]. It counts as in
    /// use until it is dropped. The manager's timeout ends when the request has a connection; the
    /// rest has no time limit unless [`deadlines`](Self::deadlines) are set.
    ///
    /// The URL of a `CONNECT` (RFC 9110, section 9.3.6) may be just an address and a port,
    /// `h.test:3128`. Like any request it goes to the address in its URL. It uses TLS if the scheme
    /// is `https`, or if there is no scheme and the port is 443. To send it to a proxy instead,
    /// make the connector go there (`NetConnector::resolve_to_addrs`). To reach hosts through a
    /// proxy, set a proxy on the connector, which does all of this itself. A `CONNECT` is sent by
    /// HTTP/1.1 only: a server that chooses HTTP/2 is an error, see [`Http::http1_only`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the request. If it was sent, its HTTP/1.1 connection is closed
    /// or its HTTP/2 stream is reset; the server may have acted on it.
    ///
    /// # Errors
    ///
    /// If the URL or the request is invalid, no connection can be had, or the request fails before
    /// the head of the response is complete. [`Error::function`] names the step that failed.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use http_body_util::Full;
    /// use hyper::body::Bytes;
    ///
    /// # async fn example(client: keepalive_http::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let body = Full::new(Bytes::from("{}"));
    /// let request = http::Request::post("http://127.0.0.1:8080/orders").body(body)?;
    /// println!("{}", client.request(request).await?.status());
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    #[track_caller]
    pub fn request<B>(
        &self,
        request: Request<B>,
    ) -> impl Future<Output = Result<Response<Body<C>>, Error>> + Send + use<B, C>
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.send(self.check(request), Location::caller())
    }

    fn send(
        &self,
        checked: Result<Checked, Error>,
        location: &'static Location<'static>,
    ) -> impl Future<Output = Result<Response<Body<C>>, Error>> + Send + use<C> {
        let client = self.clone();
        async move {
            let (exchange, body) = checked?;
            client.run(&exchange, body, location).await
        }
    }

    /// Checks a request. This happens before the first poll, so that the future holds nothing large.
    #[inline]
    fn check<B>(&self, request: Request<B>) -> Result<Checked, Error>
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (head, body) = request.into_parts();
        let body = Outgoing::new(body);
        let mut exchange = Exchange::new(head, &body)?;
        exchange.expect_continue(self.expect_timeout);
        exchange.forward(|host| self.manager.connector().forwarder(host))?;
        Ok((exchange, body))
    }

    fn bare(&self, method: Method, url: impl IntoUrl) -> Result<Checked, Error> {
        let (uri, authorization) = url.into_parts().map_err(Error::url)?;
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        if let Some(value) = authorization {
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        self.check(request)
    }

    async fn run(
        &self,
        exchange: &Exchange,
        body: Outgoing,
        location: &'static Location<'static>,
    ) -> Result<Response<Body<C>>, Error> {
        let mut any = |_: &HttpConnection<C::Connection>, _| Some(Form::Target);
        let mut response = match self.exchange(exchange, body, location, &mut any).await {
            Ok(answered) => self.respond(exchange, answered),
            Err(error) => return Err(exchange.name_proxy(error)),
        };
        poll_fn(|cx| response.body_mut().poll_settle(cx)).await;
        Ok(response)
    }

    /// Sends a request over one connection, then over others where a retry is safe, until its time
    /// is up.
    ///
    /// The client calls `choose` with each connection before it sends the request, and with whether
    /// the connection was used before. `choose` returns the form of the request target, or `None`
    /// to reject the connection.
    pub(crate) async fn exchange(
        &self,
        exchange: &Exchange,
        mut body: Outgoing,
        location: &'static Location<'static>,
        choose: &mut Choose<'_, C>,
    ) -> Result<Answered<C>, Error> {
        let begun = Instant::now();
        let deadlines = exchange.head.extensions.get().copied();
        let deadlines = deadlines.unwrap_or(self.deadlines);
        let left = || deadlines.left(self.manager.timeout(), begun);
        let mut resent = 0;
        let mut is_misdirected = false;
        let mut turned_away = 0;
        let mut limits_time = deadlines.total.is_some();
        loop {
            let to = match mem::replace(&mut limits_time, true) {
                true => Cow::Owned(exchange.to.clone().timeout(left())),
                false => Cow::Borrowed(&exchange.to),
            };
            let lease = self.manager.lease_at(&to, location).await;
            let lease = lease.map_err(|error| Error::allocation(error).with_resent(resent))?;
            let mut hold = Hold::new(lease);
            let lease = hold.lease();
            let is_last = resent > 0 && resent == self.retries;
            let used = lease.from_cache().is_some();
            let has_place = lease.has_place();
            let is_good = has_place && is_sound(lease) && !(is_last && was_idle(lease));
            let Some(form) = is_good.then(|| choose(lease, used)).flatten() else {
                // Nothing was sent on it, so this does not count as a retry.
                if has_place {
                    hold.end(false);
                    if left().is_zero() {
                        let what =
                            "no connection that was there could be used, until the time was up";
                        let error = exchange.tried().failed("request", what);
                        return Err(error.with_resent(resent));
                    }
                } else {
                    // The peer currently allows no exchange, so the request queues again. It backs
                    // off before another new connection is opened for it.
                    hold.break_off();
                    let is_new = !used || turned_away > 0;
                    let wait = is_new.then(|| resend::backoff(turned_away).min(left()));
                    let _waited = slept(wait).await;
                    turned_away += 1;
                }
                continue;
            };
            let timer = deadlines.timer(Deadline::Head, begun, !used);
            let sent = once::send(exchange, form, body, &mut hold, timer).await;
            let failed = match sent {
                Ok((response, again)) => {
                    let is_final = response.status() != StatusCode::MISDIRECTED_REQUEST
                        || is_misdirected
                        || resent >= self.retries;
                    let Some(again) = again.filter(|_| !is_final && !left().is_zero()) else {
                        return Ok(Answered {
                            response,
                            hold,
                            resent,
                            timer: deadlines.timer(Deadline::Read, begun, !used),
                        });
                    };
                    // Another connection may answer it (RFC 9110, section 15.5.20).
                    drop(response);
                    hold.lease().retire();
                    hold.break_off();
                    is_misdirected = true;
                    body = again;
                    resent += 1;
                    continue;
                }
                Err(failed) => failed,
            };
            let timing = hold.lease().timing();
            hold.break_off();
            let error = failed.error.with_timing(timing).with_resent(resent);
            let Some(again) = failed.again.filter(|_| resent < self.retries) else {
                return Err(error);
            };
            let wait = failed.backs_off.then(|| resend::backoff(resent));
            if left() <= wait.unwrap_or_default() || !slept(wait).await {
                return Err(error);
            }
            body = again;
            resent += 1;
        }
    }

    fn respond(&self, exchange: &Exchange, mut answered: Answered<C>) -> Response<Body<C>> {
        let allocation = answered.allocation();
        let Answered {
            response,
            mut hold,
            timer,
            ..
        } = answered;
        let (head, incoming) = response.into_parts();
        if exchange.ends_http(head.status) {
            let held = hold.take();
            // hyper makes no tunnel of a 204, but the server may have.
            if head.extensions.get::<OnUpgrade>().is_some() {
                held.until_left();
            }
        }
        let body = Body {
            ended: incoming.is_ended(),
            incoming: Some(incoming),
            last: None,
            hold,
            allocation,
            rest: self.rest,
            tried: exchange.tried(),
            timer,
        };
        Response::from_parts(head, body)
    }
}

/// Makes the client usable with tower's layers; each call is a [`request`](Client::request).
impl<C, B> tower_service::Service<Request<B>> for Client<C>
where
    C: StreamConnector,
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body<C>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body<C>>, Error>> + Send>>;

    /// Always ready: each request queues within its own future.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    #[track_caller]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        Box::pin(self.request(request))
    }
}

impl<C: StreamConnector> Clone for Client<C> {
    fn clone(&self) -> Self {
        Self {
            manager: self.manager.clone(),
            retries: self.retries,
            rest: self.rest,
            deadlines: self.deadlines,
            expect_timeout: self.expect_timeout,
        }
    }
}

impl<C: StreamConnector> fmt::Debug for Client<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("manager", &self.manager)
            .field("retries", &self.retries)
            .field("rest", &self.rest)
            .field("deadlines", &self.deadlines)
            .field("expect_timeout", &self.expect_timeout)
            .finish()
    }
}

/// A checked request, and its body.
type Checked = (Box<Exchange>, Outgoing);

/// Whether the connection was idle when it was leased, and carries no other request.
fn was_idle<C: StreamConnector>(lease: &Lease<Http<C>>) -> bool {
    lease.from_cache() == Some(FromCache::Immediate) && !lease.is_shared()
}

/// Whether the connection can carry a request. The manager does not check a connection that was
/// idle for less than a millisecond. A surplus byte would become the response to this request (H3),
/// so we check here. A handle of HTTP/2 has no such bytes, and always passes.
fn is_sound<C: StreamConnector>(lease: &mut Lease<Http<C>>) -> bool {
    lease.from_cache().is_none() || lease.check().is_ok()
}

/// Sleeps for `time`, if there is one. Returns false if that is impossible: outside a runtime there
/// is no timer.
async fn slept(time: Option<Duration>) -> bool {
    match time {
        Some(_) if Handle::try_current().is_err() => false,
        // Boxed, so that the futures of requests that never wait need no room for it.
        Some(time) => {
            Box::pin(sleep(time)).await;
            true
        }
        None => true,
    }
}

/// Checks a connection before a request is sent on it, and chooses the form of the request.
pub(crate) type Choose<'a, C> =
    dyn FnMut(&HttpConnection<<C as Connector>::Connection>, bool) -> Option<Form> + Send + 'a;

/// The head of a response, and the connection that delivers the rest.
pub(crate) struct Answered<C: StreamConnector> {
    pub(crate) response: Response<Received>,
    pub(crate) hold: Hold<C>,
    resent: u32,
    /// For the rest of the response.
    timer: Option<Box<Timer>>,
}

impl<C: StreamConnector> Answered<C> {
    pub(crate) fn allocation(&mut self) -> Allocation {
        let lease = self.hold.lease();
        Allocation {
            id: lease.id(),
            from_cache: lease.from_cache(),
            timing: lease.timing(),
            resent: self.resent,
        }
    }
}
