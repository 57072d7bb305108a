//! Connectors registered for a scheme.

use std::future::Future;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::connect::{Attempt, ConnectError, Connection, Connector};

/// A connection with reads and writes.
pub(crate) trait Stream: Connection + AsyncRead + AsyncWrite + Unpin {}

impl<S: Connection + AsyncRead + AsyncWrite + Unpin> Stream for S {}

type Connecting<'a> =
    Pin<Box<dyn Future<Output = Result<Box<dyn Stream>, ConnectError>> + Send + 'a>>;

/// A type-erased [`Connector`].
pub(crate) trait AnyConnector: Send + Sync {
    fn connect_any<'a>(&'a self, attempt: &'a Attempt) -> Connecting<'a>;
}

impl<C> AnyConnector for C
where
    C: Connector,
    C::Connection: AsyncRead + AsyncWrite + Unpin,
{
    fn connect_any<'a>(&'a self, attempt: &'a Attempt) -> Connecting<'a> {
        Box::pin(async {
            let stream = self.connect(attempt).await?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}
