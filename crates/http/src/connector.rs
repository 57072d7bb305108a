//! Opens connections that speak HTTP, over those of another connector.

use keepalive::{Attempt, ConnectError, Connector, Net};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::HttpConnection;

/// A connector whose connections are streams of bytes, as HTTP/1.1 needs them.
///
/// Every such connector has it already; it is never implemented by hand.
pub trait StreamConnector: Connector<Connection: AsyncRead + AsyncWrite + Unpin> {}

impl<C> StreamConnector for C where C: Connector<Connection: AsyncRead + AsyncWrite + Unpin> {}

/// Opens [`HttpConnection`]s over the connections of another connector.
///
/// It is what a manager is built with, see [`Client`](crate::Client).
///
/// # Examples
///
/// ```no_run
/// use keepalive::Manager;
/// use keepalive_http::Http;
///
/// # fn main() -> Result<(), keepalive::ConfigError> {
/// let manager: Manager<Http> = Manager::builder().connector(Http::new()).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Http<C = Net> {
    connector: C,
}

impl Http {
    /// HTTP over the connections of [`Net`].
    pub fn new() -> Self {
        Self::over(Net::new())
    }
}

impl<C> Http<C> {
    /// HTTP over the connections of `connector`.
    pub fn over(connector: C) -> Self {
        Self { connector }
    }
}

impl<C: StreamConnector> Connector for Http<C> {
    type Connection = HttpConnection<C::Connection>;

    async fn connect(&self, attempt: &Attempt) -> Result<Self::Connection, ConnectError> {
        let transport = self.connector.connect(attempt).await?;
        HttpConnection::open(transport).await
    }
}
