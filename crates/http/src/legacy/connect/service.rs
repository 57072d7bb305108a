//! hyper-util's connectors as those of a manager.

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

/// What opens connections: a [`Service`] of [`Uri`] whose response is a stream of bytes that says
/// what it is.
///
/// Every such service has it already; it is never implemented by hand.
pub trait Connect: Sealed + Sized {
    /// What it opens.
    type Io: Read + Write + Connection + Unpin + Send + 'static;

    /// Opens a connection to the host of `uri`, as soon as the service is ready.
    #[doc(hidden)]
    fn connect(self, uri: Uri) -> impl Future<Output = Result<Self::Io, BoxError>> + Send;
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

/// Opens a manager's connections by a connector of hyper-util's kind.
///
/// It serves [`Http::over`](crate::Http::over), for those who want our own client on such a
/// connector. Its connections have neither the manager's bind address nor its TLS: that is for the
/// connector to do, and what it says of HTTP/2 counts.
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
    service: S,
    shelf: Option<Shelf>,
    spans: Spans,
}

impl<S> ServiceConnector<S> {
    /// Opens connections by clones of `service`.
    pub fn new(service: S) -> Self {
        Self {
            service,
            shelf: None,
            spans: Spans::default(),
        }
    }

    /// Opens them within these spans.
    pub(crate) fn within(mut self, spans: Spans) -> Self {
        self.spans = spans;
        self
    }

    /// Keeps so many idle connections of HTTP/1.1 for each host.
    pub(crate) fn keeping(mut self, connections: usize) -> Self {
        self.shelf = Some(Shelf::new(connections));
        self
    }
}

impl<S: Connect + Clone + Send + Sync + 'static> Connector for ServiceConnector<S> {
    type Connection = Transport<S::Io>;

    async fn connect(&self, attempt: &Attempt) -> Result<Self::Connection, ConnectError> {
        let uri = place::uri(attempt.host()).map_err(|error| ConnectError::new("url", error))?;
        // What a service does in which order is not to be seen from here.
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
