//! Sends requests over the connections of a manager.

use std::borrow::Cow;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::upgrade::OnUpgrade;
use keepalive::{Connection, Connector, FromCache, Lease, Manager, Net};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use crate::deadlines::Timer;
use crate::exchange::{Exchange, Form};
use crate::hold::Hold;
use crate::outgoing::{BoxError, Outgoing};
use crate::rest::Rest;
use crate::{
    Allocation, Body, Deadlines, Error, Http, HttpConnection, IntoUrl, StreamConnector, attempt,
    resend,
};

// A server that restarts closes all idle connections at once; while one request fails, the watchers
// of the others have the time to notice.
const RETRIES: u32 = 3;

const EXPECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A client for HTTP/1.1 and HTTP/2 on the connections of a [`Manager`].
///
/// It sends requests over `http`, and `https` by what the manager's connector has for TLS:
/// `Http::over(Net::new().tls(..))` sets it. Which version of HTTP is spoken is for [`Http`] to
/// say. Redirects are not followed, and bodies arrive as they are sent.
///
/// Where an HTTP proxy is set for scheme `http`, requests are given to it and it forwards them, with
/// its credentials in `proxy-authorization`; its own answers, such as 407, are answers like any
/// other. The [host](keepalive::Host) that the manager counts and reuses by is the proxy then, for all
/// servers together. `CONNECT`, requests with the header `upgrade`, and
/// [HTTP/2 alone](Http::http2_only) go through a tunnel. See [`Connector::forwarder`].
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
/// let response = client.get("http://127.0.0.1:8080/").await?;
/// println!("{}", response.status());
/// let text = response.into_body().collect().await?.to_bytes();
/// # Ok(())
/// # }
/// ```
pub struct Client<C: StreamConnector = Net> {
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
            rest: Rest::default(),
            deadlines: Deadlines::new(),
            expect_timeout: EXPECT_TIMEOUT,
        }
    }

    /// How often at most a request is sent again; 3 if it is not set.
    ///
    /// A request is sent again in these cases, and in no other:
    ///
    /// - Nothing of it has left, and the connection had been used before or is of HTTP/2.
    /// - The server of HTTP/2 says that it has not processed the request, by `REFUSED_STREAM` or a
    ///   `GOAWAY` that names an earlier stream as the last (RFC 9113, section 8.7).
    /// - The request may be done twice, and its connection had been used before and ended without a
    ///   byte of a response: the server may have closed it just then (RFC 9112, section 9.3.1).
    ///   `GET` and `PUT` may be done twice, `POST` may not (RFC 9110, section 9.2.2);
    ///   [`Idempotent`](crate::Idempotent) says otherwise of a single request.
    /// - The server wants the request by HTTP/1.1 (`HTTP_1_1_REQUIRED`), and may be asked by it.
    /// - The response is 421, the first time: it goes to another connection (RFC 9110, section
    ///   15.5.20). A second one is given out.
    ///
    /// Any other error of a stream is the server's answer, and the request is not sent again. An
    /// interim response of HTTP/2 does not count as a byte of a response, since hyper does not tell.
    ///
    /// A body that is there as a whole, `Full<Bytes>` or a `String`, is sent again with its request.
    /// A request whose body comes piece by piece is sent again only if nothing of it has left.
    ///
    /// A server that turns requests away has too much to do. After `REFUSED_STREAM`, a `GOAWAY` of an
    /// error, or a new connection of HTTP/2 that ended, the request waits for a random time: from 10
    /// to 100 ms the first time, then up to twice as long each time, and at most 2 s. Outside a tokio
    /// runtime there is no timer, and such a request fails.
    ///
    /// The last time, no connection of HTTP/1.1 that was idle is used. Something on the way may have
    /// cut them all off, so they are closed, and a new one is opened; where the limits leave no room
    /// for that, the next that another request gives back is used.
    ///
    /// All of it happens within the manager's timeout. 0 leaves it to the caller. A large number
    /// lets a server that closes whatever it is sent on a reused connection make us try as often.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// How much is read of a body that is dropped before its end, so that its connection can be used
    /// again: 64 KiB, in 50 ms, if it is not set.
    ///
    /// If more is missing, or does not come in time, the connection is closed; it counts as in use
    /// until then. 0 for either closes it at once. It concerns HTTP/1.1 only: of HTTP/2, a stream
    /// costs nothing to give up.
    #[must_use]
    pub fn rest(mut self, bytes: u64, time: Duration) -> Self {
        self.rest = Rest { bytes, time };
        self
    }

    /// How long an exchange may take once it has its connection; as long as it likes, if it is not
    /// set. [`Deadlines`] as an extension of a request take the place of these.
    #[must_use]
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// For how long the body of a request with the header `expect: 100-continue` waits for the
    /// server to say that it wants it: one second if it is not set, as curl does. 0 sends it at once.
    ///
    /// It is sent as soon as the server says 100, and not at all if it answers before: the connection
    /// is closed then, at most a second after the end of the answer (RFC 9110, section 10.1.1). It
    /// concerns HTTP/1.1 only. By HTTP/2 the body is sent at once, as hyper does not tell of a 100.
    #[must_use]
    pub fn expect_timeout(mut self, time: Duration) -> Self {
        self.expect_timeout = time;
        self
    }

    /// The manager whose connections are used.
    pub fn manager(&self) -> &Manager<Http<C>> {
        &self.manager
    }

    /// Sends a `GET`; see [`request`](Self::request).
    ///
    /// Text is read as a [`Url`](crate::Url), as browsers read it.
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
        self.send(bare(Method::GET, url), Location::caller())
    }

    /// Sends a `HEAD`; see [`request`](Self::request).
    ///
    /// Text is read as a [`Url`](crate::Url), as browsers read it.
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
        self.send(bare(Method::HEAD, url), Location::caller())
    }

    /// Sends a request, and waits for the head of its response.
    ///
    /// The URL must be absolute. The `host` header is set from it, if it is not given, and the
    /// length of the body, where it is known. A user name and a password in it become an
    /// `authorization` header, if there is none (RFC 7617). No other header is added. In path and
    /// query, bytes outside ASCII are percent-encoded. A body that comes piece by piece is sent in
    /// chunks, whatever its length, if the header `trailer` announces that trailers follow (RFC 9112,
    /// section 7.1.2). Nothing happens before the future is polled. The caller's line is what the
    /// manager lists the lease by.
    ///
    /// The response has an [`Allocation`] among its extensions, and a [`Body`] that holds the
    /// connection until it has been read. One that changes the protocol (101), or answers a `CONNECT`
    /// with success, leaves the connection to whoever asks [`hyper::upgrade::on`] for it, and it
    /// counts as in use until that is dropped. The manager's timeout ends
    /// when there is a connection; what comes after takes as long as it likes, unless
    /// [`deadlines`](Self::deadlines) are set.
    ///
    /// A `CONNECT` (RFC 9110, section 9.3.6) may name an address and a port alone, `h.test:3128`. Like
    /// any request it goes to the address that it names, over TLS if the URL is of `https`, or has no
    /// scheme and the port 443. To send it to a proxy instead, have the connector go there
    /// (`Net::resolve`); to reach hosts through a proxy, a proxy of the connector's does all of it. It
    /// is sent by HTTP/1.1 only: a server that takes HTTP/2 is an error, see [`Http::http1_only`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future withdraws the request. If it was sent, its connection is closed, or, of
    /// HTTP/2, its stream is reset; the server may have acted on it.
    ///
    /// # Errors
    ///
    /// When the URL or the request can not be used, no connection is to be had, or it fails before
    /// the head of the response is complete. [`Error::function`] tells which.
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
        self.send(Ok(request), Location::caller())
    }

    // The future is large: where this is a call, it is copied.
    #[inline]
    fn send<B>(
        &self,
        request: Result<Request<B>, Error>,
        location: &'static Location<'static>,
    ) -> impl Future<Output = Result<Response<Body<C>>, Error>> + Send + use<B, C>
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let request = request.map(|request| {
            let (head, body) = request.into_parts();
            (head, Outgoing::new(body))
        });
        let client = self.clone();
        async move {
            let (head, body) = request?;
            let mut exchange = Exchange::new(head, &body)?;
            exchange.hold_back(client.expect_timeout);
            exchange.forward(|host| client.manager.connector().forwarder(host))?;
            client.run(&exchange, body, location).await
        }
    }

    async fn run(
        &self,
        exchange: &Exchange,
        body: Outgoing,
        location: &'static Location<'static>,
    ) -> Result<Response<Body<C>>, Error> {
        let mut any = |_: &HttpConnection<C::Connection>, _| Some(Form::Target);
        let answered = self.exchange(exchange, body, location, &mut any).await;
        let answered = answered.map_err(|error| exchange.failed(error))?;
        Ok(self.respond(exchange, answered).await)
    }

    /// Sends a request over one connection; over others, where that is safe, until its time is up.
    ///
    /// `choose` looks at each connection before the request is sent on it, hears whether it has been
    /// used before, and says in which form, or, by `None`, that it is not to be used any more.
    pub(crate) async fn exchange(
        &self,
        exchange: &Exchange,
        mut body: Outgoing,
        location: &'static Location<'static>,
        choose: &mut Choose<'_, C>,
    ) -> Result<Answered<C>, Error> {
        let begun = Instant::now();
        let deadlines = exchange.extensions().get().copied();
        let deadlines = deadlines.unwrap_or(self.deadlines);
        let left = || deadlines.left(self.manager.timeout(), begun);
        let mut to = match deadlines.has_total() {
            true => Cow::Owned(exchange.to.clone().timeout(left())),
            false => Cow::Borrowed(&exchange.to),
        };
        let mut resent = 0;
        let mut is_misdirected = false;
        let mut turned_away = 0;
        loop {
            let lease = self.manager.lease_at(&to, location).await;
            let lease = lease.map_err(|error| Error::allocation(error).with_resent(resent))?;
            let mut hold = Hold::new(lease);
            hold.uploads(!body.leaves_at_once());
            let lease = hold.lease();
            let is_last = resent > 0 && resent == self.retries;
            let used = lease.from_cache().is_some();
            let has_place = lease.has_place();
            let is_good = has_place && is_sound(lease) && !(is_last && was_idle(lease));
            let Some(form) = is_good.then(|| choose(lease, used)).flatten() else {
                // Nothing was sent on it, so this is no try.
                if has_place {
                    hold.end(false);
                    if left().is_zero() {
                        let what =
                            "no connection that was there could be used, until the time was up";
                        let error = Error::request(exchange.method(), exchange.host(), what);
                        return Err(error.with_resent(resent));
                    }
                } else {
                    // It waits for its turn. Where none is kept, another is opened for it, but not
                    // at once.
                    hold.break_off();
                    let is_new = !used || turned_away > 0;
                    let wait = is_new.then(|| resend::backoff(turned_away).min(left()));
                    let _waited = slept(wait).await;
                    turned_away += 1;
                }
                to = Cow::Owned(exchange.to.clone().timeout(left()));
                continue;
            };
            let timer = deadlines.of_head(begun, !used);
            let sent = attempt::send(exchange, form, body, &mut hold, timer).await;
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
                            timer: deadlines.of_body(begun, !used),
                        });
                    };
                    // Over another connection it may be answered (RFC 9110, section 15.5.20).
                    drop(response);
                    hold.lease().retire();
                    hold.break_off();
                    is_misdirected = true;
                    body = again;
                    resent += 1;
                    to = Cow::Owned(exchange.to.clone().timeout(left()));
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
            let wait = again.backs_off.then(|| resend::backoff(resent));
            let left = left().saturating_sub(wait.unwrap_or_default());
            if left.is_zero() || !slept(wait).await {
                return Err(error);
            }
            body = again.body;
            resent += 1;
            to = Cow::Owned(exchange.to.clone().timeout(left));
        }
    }

    async fn respond(&self, exchange: &Exchange, mut answered: Answered<C>) -> Response<Body<C>> {
        let allocation = answered.allocation();
        let Answered {
            response,
            mut hold,
            timer,
            ..
        } = answered;
        let (mut head, incoming) = response.into_parts();
        head.extensions.insert(allocation);
        if exchange.ends_http(head.status) {
            let held = hold.take();
            // Of a 204, hyper makes no tunnel, but the server may have.
            if head.extensions.get::<OnUpgrade>().is_some() {
                held.until_left();
            }
        }
        let mut body = Body::new(incoming, hold, self.rest, exchange.tried(), timer);
        poll_fn(|cx| body.poll_settle(cx)).await;
        Response::from_parts(head, body)
    }
}

/// For the layers of tower; each call is a [`request`](Client::request).
impl<C, B> tower_service::Service<Request<B>> for Client<C>
where
    C: StreamConnector,
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body<C>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body<C>>, Error>> + Send>>;

    /// Always ready: a request waits for its turn in its own future.
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

/// Whether it was idle when it was asked for, and nobody else has a request on it.
fn was_idle<C: StreamConnector>(lease: &Lease<Http<C>>) -> bool {
    lease.from_cache() == Some(FromCache::Immediate) && !lease.is_shared()
}

/// Whether it can carry a request. The manager does not ask the system about a connection that was
/// idle for less than a millisecond. A byte too many would become the answer to this request (H3),
/// so the system is asked here.
fn is_sound<C: StreamConnector>(lease: &mut Lease<Http<C>>) -> bool {
    lease.from_cache().is_none() || lease.check().is_ok()
}

/// Waits so long, if at all; whether that could be done. Outside a runtime there is no timer.
async fn slept(time: Option<Duration>) -> bool {
    match time {
        Some(_) if Handle::try_current().is_err() => false,
        // Few wait, so no other future has to have the room for it.
        Some(time) => {
            Box::pin(sleep(time)).await;
            true
        }
        None => true,
    }
}

/// Looks at a connection before a request is sent on it.
pub(crate) type Choose<'a, C> =
    dyn FnMut(&HttpConnection<<C as Connector>::Connection>, bool) -> Option<Form> + Send + 'a;

/// The head of a response, and the connection that the rest comes by.
pub(crate) struct Answered<C: StreamConnector> {
    pub(crate) response: Response<Incoming>,
    pub(crate) hold: Hold<C>,
    resent: u32,
    /// Of the rest.
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

fn bare(method: Method, url: impl IntoUrl) -> Result<Request<Empty<Bytes>>, Error> {
    let (uri, authorization) = url.into_parts().map_err(Error::url)?;
    let mut request = Request::new(Empty::new());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    if let Some(value) = authorization {
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    Ok(request)
}
