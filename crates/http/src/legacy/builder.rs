//! Settings under hyper-util's names, and those of a manager.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body::Body;
use hyper::client::conn::{http1, http2};
use hyper::rt::{Sleep, Timer};
use keepalive::{ConfigError, Manager};

use super::Client;
use super::connect::{Connect, HttpConnector, ServiceConnector, Shelf, Spans, Transport};
use super::core::{Core, Executor};
use crate::Http;
use crate::http1::{Bare, handshake};
use crate::http2::Executor as Exec2;
use crate::settings::Settings;

/// Configures a [`Client`].
///
/// The defaults are those of hyper-util: no limits, and no timeout. Settings of a manager keep the
/// manager's meaning, see [`keepalive::ManagerBuilder`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use http_body_util::Empty;
/// use hyper::body::Bytes;
/// use hyper_util::rt::{TokioExecutor, TokioTimer};
/// use keepalive_http::legacy::Client;
///
/// let client = Client::builder(TokioExecutor::new())
///     .pool_idle_timeout(Duration::from_secs(30))
///     .pool_timer(TokioTimer::new())
///     .max_per_host(8) // not in hyper-util
///     .timeout(Duration::from_secs(10))
///     .build_http::<Empty<Bytes>>();
/// ```
#[derive(Clone)]
pub struct Builder {
    manager: keepalive::ManagerBuilder,
    idle_timeout: Option<Duration>,
    max_idle_per_host: usize,
    pub(super) settings: Settings,
    http2_only: bool,
    retry: bool,
    set_host: bool,
    count_upgraded: bool,
    executor: Arc<Executor>,
}

impl Builder {
    /// A builder with hyper-util's defaults; see [`Client::builder`].
    pub fn new<E>(executor: E) -> Self
    where
        E: hyper::rt::Executor<Pin<Box<dyn Future<Output = ()> + Send>>>
            + Send
            + Sync
            + Clone
            + 'static,
    {
        let manager = Manager::builder()
            .max_per_host(usize::MAX)
            .max_open(usize::MAX)
            .timeout(Duration::MAX);
        Self {
            manager,
            idle_timeout: Some(Duration::from_secs(90)),
            max_idle_per_host: usize::MAX,
            settings: Settings {
                one: http1::Builder::new(),
                two: Vec::new(),
                has_windows: false,
                bare: None,
                streams: None,
            },
            http2_only: false,
            retry: true,
            set_host: true,
            count_upgraded: false,
            executor: Arc::new(executor),
        }
    }

    /// How long an idle connection is kept; `None` keeps it until its server closes it.
    ///
    /// Default 90 s. With zero, no connection is reused.
    pub fn pool_idle_timeout(&mut self, time: impl Into<Option<Duration>>) -> &mut Self {
        self.idle_timeout = time.into();
        self
    }

    /// How many idle HTTP/1.1 connections a host keeps. Default unlimited. With 0, no connection of
    /// any version is reused.
    pub fn pool_max_idle_per_host(&mut self, connections: usize) -> &mut Self {
        self.max_idle_per_host = connections;
        self
    }

    #[doc(hidden)]
    #[deprecated(note = "renamed to `pool_max_idle_per_host`")]
    pub fn max_idle_per_host(&mut self, connections: usize) -> &mut Self {
        self.pool_max_idle_per_host(connections)
    }

    /// Ignored; accepted for programs that set it. The manager closes idle connections by its own
    /// timer, on tokio's clock.
    pub fn pool_timer<M>(&mut self, timer: M) -> &mut Self
    where
        M: Timer + Clone + Send + Sync + 'static,
    {
        drop(timer);
        self
    }

    /// The timer of HTTP/2, for its pings. Default [`TokioTimer`](hyper_util::rt::TokioTimer).
    pub fn timer<M>(&mut self, timer: M) -> &mut Self
    where
        M: Timer + Send + Sync + 'static,
    {
        let timer = Clock(Arc::new(timer));
        self.two(move |builder| builder.timer(timer.clone()))
    }

    /// Connections per host at once, which are connecting, in use, idle or closing. Default
    /// unlimited, at least 1. An HTTP/2 connection counts once.
    pub fn max_per_host(&mut self, connections: usize) -> &mut Self {
        self.manage(|manager| manager.max_per_host(connections))
    }

    /// Connections of all hosts at once. Default unlimited, at least 1.
    pub fn max_open(&mut self, connections: usize) -> &mut Self {
        self.manage(|manager| manager.max_open(connections))
    }

    /// Requests that wait without a connection attempt of their own. Default unlimited, at least 1.
    pub fn max_queued(&mut self, requests: usize) -> &mut Self {
        self.manage(|manager| manager.max_queued(requests))
    }

    /// Concurrent attempts to open a connection. Default unlimited, at least 1.
    pub fn max_connecting(&mut self, attempts: usize) -> &mut Self {
        self.manage(|manager| manager.max_connecting(attempts))
    }

    /// Time limit for a request to get its connection. Default none, longer than zero.
    pub fn timeout(&mut self, time: Duration) -> &mut Self {
        self.manage(|manager| manager.timeout(time))
    }

    /// How long an orderly close may take. Default 5 s, longer than zero.
    pub fn close_timeout(&mut self, time: Duration) -> &mut Self {
        self.manage(|manager| manager.close_timeout(time))
    }

    /// Age after which a connection is not reused. Default none, longer than zero.
    pub fn max_lifetime(&mut self, time: Duration) -> &mut Self {
        self.manage(|manager| manager.max_lifetime(time))
    }

    /// Exchanges after which a connection is closed. Default unlimited, at least 1.
    pub fn max_uses(&mut self, exchanges: u64) -> &mut Self {
        self.manage(|manager| manager.max_uses(exchanges))
    }

    /// Whether an HTTP/1.1 connection that has changed its protocol counts under the limits until
    /// it is dropped. Default false, as with hyper-util.
    ///
    /// If it does not count, it belongs to its user from then on, and
    /// [`Upgraded::downcast`](hyper::upgrade::Upgraded::downcast) returns the connector's stream.
    /// If it counts, hyper holds a wrapper of that stream:
    /// [`connect::downcast`](super::connect::downcast) returns the stream and a
    /// [`Permit`](super::connect::Permit).
    ///
    /// With true, the client also detects whether any byte of a response had arrived when a
    /// connection was lost, see [`retry_canceled_requests`](Self::retry_canceled_requests). A
    /// stream of HTTP/2 always counts.
    pub fn count_upgraded(&mut self, count: bool) -> &mut Self {
        self.count_upgraded = count;
        self
    }

    /// Whether a request is sent again if its connection turns out to be closed and a retry is
    /// safe; see [`Client::retries`](crate::Client::retries). Default true.
    pub fn retry_canceled_requests(&mut self, retry: bool) -> &mut Self {
        self.retry = retry;
        self
    }

    /// Whether an HTTP/1.1 request without a `host` header gets one. Default true.
    pub fn set_host(&mut self, set: bool) -> &mut Self {
        self.set_host = set;
        self
    }

    /// Whether every connection uses HTTP/2, even if the connector does not report it. Default
    /// false.
    pub fn http2_only(&mut self, only: bool) -> &mut Self {
        self.http2_only = only;
        self
    }

    /// A client on hyper-util's [`HttpConnector`]: in clear text only, and with TCP keep-alive
    /// after [`pool_idle_timeout`](Self::pool_idle_timeout).
    pub fn build_http<B>(&self) -> Client<HttpConnector, B>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let mut connector = HttpConnector::new();
        if self.max_idle_per_host > 0 {
            connector.set_keepalive(self.idle_timeout);
        }
        self.build(connector)
    }

    /// A client on `connector`.
    ///
    /// If the settings are invalid, every request returns an error that explains it.
    pub fn build<C, B>(&self, connector: C) -> Client<C, B>
    where
        C: Connect + Clone + Send + Sync + 'static,
        B: Body + Send,
        B::Data: Send,
    {
        Client::new(self.core(connector))
    }

    /// Like [`build`](Self::build), but reports invalid settings at once.
    ///
    /// # Errors
    ///
    /// If a limit or a time is zero that must not be.
    pub fn try_build<C, B>(&self, connector: C) -> Result<Client<C, B>, ConfigError>
    where
        C: Connect + Clone + Send + Sync + 'static,
        B: Body + Send,
        B::Data: Send,
    {
        let core = self.core(connector);
        match &core.client {
            Ok(_) => Ok(Client::new(core)),
            Err(error) => Err(error.clone()),
        }
    }

    fn core<C>(&self, connector: C) -> Core<C>
    where
        C: Connect + Clone + Send + Sync + 'static,
    {
        let spans = Spans::default();
        Core {
            client: self.client(connector, &spans),
            spans,
            executor: Arc::clone(&self.executor),
            set_host: self.set_host,
        }
    }

    fn client<C>(
        &self,
        connector: C,
        spans: &Spans,
    ) -> Result<crate::Client<ServiceConnector<C>>, ConfigError>
    where
        C: Connect + Clone + Send + Sync + 'static,
    {
        let most = self.max_idle_per_host;
        let connector = ServiceConnector {
            service: connector,
            shelf: (most < usize::MAX).then(|| Shelf::new(most)),
            spans: spans.clone(),
        };
        let mut settings = self.settings.clone();
        if !self.count_upgraded {
            let bare: Bare<Transport<C::Io>> =
                |transport, builder| transport.take_io().map(|io| handshake(builder, io));
            settings.bare = Some(Arc::new(bare));
        }
        let mut http = Http::over(connector).settings(settings);
        if self.http2_only {
            http = http.http2_only();
        }
        let keep_alive = match self.max_idle_per_host {
            0 => Duration::ZERO,
            _ => self.idle_timeout.unwrap_or(Duration::MAX),
        };
        let manager = self.manager.clone().keep_alive(keep_alive);
        let client = crate::Client::new(manager.connector(http).build()?);
        Ok(match self.retry {
            true => client,
            false => client.retries(0),
        })
    }

    fn manage(
        &mut self,
        change: impl FnOnce(keepalive::ManagerBuilder) -> keepalive::ManagerBuilder,
    ) -> &mut Self {
        self.manager = change(self.manager.clone());
        self
    }

    pub(super) fn one(
        &mut self,
        change: impl FnOnce(&mut http1::Builder) -> &mut http1::Builder,
    ) -> &mut Self {
        change(&mut self.settings.one);
        self
    }

    pub(super) fn two(
        &mut self,
        change: impl Fn(&mut http2::Builder<Exec2>) -> &mut http2::Builder<Exec2>
        + Send
        + Sync
        + 'static,
    ) -> &mut Self {
        self.settings.two.push(Arc::new(change));
        self
    }

    /// Records that a window is set, if `set` is true.
    pub(super) fn has_windows(&mut self, set: bool) -> &mut Self {
        self.settings.has_windows |= set;
        self
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("manager", &self.manager)
            .field("pool_idle_timeout", &self.idle_timeout)
            .field("pool_max_idle_per_host", &self.max_idle_per_host)
            .field("settings", &self.settings)
            .field("http2_only", &self.http2_only)
            .field("retry_canceled_requests", &self.retry)
            .field("set_host", &self.set_host)
            .field("count_upgraded", &self.count_upgraded)
            .finish_non_exhaustive()
    }
}

/// A timer that all connections share.
#[derive(Clone)]
struct Clock(Arc<dyn Timer + Send + Sync>);

impl Timer for Clock {
    fn sleep(&self, time: Duration) -> Pin<Box<dyn Sleep>> {
        self.0.sleep(time)
    }

    fn sleep_until(&self, end: Instant) -> Pin<Box<dyn Sleep>> {
        self.0.sleep_until(end)
    }

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, end: Instant) {
        self.0.reset(sleep, end);
    }
}
