//! Adapts hyper-util's connectors to a manager.

use std::fmt;
use std::future::{Future, poll_fn};

use http::Uri;
use hyper::rt::{Read, Write};
use keepalive::{Attempt, ConnectError, Connector, Phase};
use tower_service::Service;
use tracing::Instrument;

use super::{Connection, Shelf, Spans, Transport};
use crate::legacy::place;
use crate::outgoing::BoxError;

/// A connector: a [`Service`] of [`Uri`] whose response is a byte stream that implements
/// [`Connection`].
///
/// Implemented for every such service, and for nothing else.
pub trait Connect: Sealed + Sized {
    /// The stream that it opens.
    type Io: Read + Write + Connection + Unpin + Send + 'static;

    /// Opens a connection to the host of `uri`, as soon as the service is ready.
    #[doc(hidden)]
    fn connect(self, uri: Uri) -> impl Future<Output = Result<Self::Io, BoxError>> + Send;
}

/// Keeps others from implementing [`Connect`].
pub trait Sealed {}

impl<S, T> Sealed for S
where
    S: Service<Uri, Response = T> + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Unpin + Send,
    T: Read + Write + Connection + Unpin + Send + 'static,
{
}

impl<S, T> Connect for S
where
    S: Service<Uri, Response = T> + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Unpin + Send,
    T: Read + Write + Connection + Unpin + Send + 'static,
{
    type Io = T;

    async fn connect(mut self, uri: Uri) -> Result<T, BoxError> {
        let ready = poll_fn(|context| self.poll_ready(context).map_err(Into::into));
        ready.await?;
        let connecting = self.call(uri);
        connecting.await.map_err(Into::into)
    }
}

/// Opens a manager's connections through a hyper-util connector.
///
/// Pass it to [`Http::over`](crate::Http::over) to use our own client on such a connector. Its
/// connections use neither the manager's bind address nor its TLS: the connector does both itself,
/// and reports whether the server chose HTTP/2.
///
/// # Examples
///
/// ```
/// use keepalive::Manager;
/// use keepalive_http::legacy::connect::{HttpConnector, ServiceConnector};
/// use keepalive_http::{Client, Http};
///
/// let connector = ServiceConnector::new(HttpConnector::new());
/// let manager = Manager::builder().connector(Http::over(connector)).build()?;
/// let client = Client::new(manager);
/// # Ok::<(), keepalive::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct ServiceConnector<S> {
    pub(crate) service: S,
    /// The limit on idle HTTP/1.1 connections, if there is one.
    pub(crate) shelf: Option<Shelf>,
    /// The spans that connections are opened within.
    pub(crate) spans: Spans,
}

impl<S> ServiceConnector<S> {
    /// Opens connections through clones of `service`.
    pub fn new(service: S) -> Self {
        Self {
            service,
            shelf: None,
            spans: Spans::default(),
        }
    }
}

impl<S: Connect + Clone + Send + Sync + 'static> Connector for ServiceConnector<S> {
    type Connection = Transport<S::Io>;

    async fn connect(&self, attempt: &Attempt) -> Result<Self::Connection, ConnectError> {
        let uri = place::uri(attempt.host()).map_err(|error| ConnectError::new("url", error))?;
        // The phases of a service are not visible from here.
        attempt.enter(Phase::Connect);
        let span = self.spans.take_first(attempt.host());
        let io = self.service.clone().connect(uri).instrument(span).await;
        let io = io.map_err(|error| ConnectError::new("connect", error))?;
        let place = self.shelf.as_ref().map(|shelf| shelf.place(attempt.host()));
        Ok(Transport::new(io, place))
    }
}

impl<S> fmt::Debug for ServiceConnector<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceConnector").finish_non_exhaustive()
    }
}
