//! Information about a request's connection, for the sender of the request.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use http::Request;
use tokio::sync::watch;

use super::Connected;

/// Returns a handle that receives information about the connection of `request`.
///
/// Use this function, not hyper-util's: only hyper-util's client can read the mark of its own
/// function.
///
/// # Examples
///
/// ```
/// use keepalive_http::legacy::connect::capture_connection;
///
/// let mut request = http::Request::get("http://h.test").body(())?;
/// let captured = capture_connection(&mut request);
/// assert!(captured.connection_metadata().is_none());
/// # Ok::<(), http::Error>(())
/// ```
pub fn capture_connection<B>(request: &mut Request<B>) -> CaptureConnection {
    let (sender, receiver) = watch::channel(Arc::new(None));
    request.extensions_mut().insert(Capture(Arc::new(sender)));
    CaptureConnection { receiver }
}

/// Receives information about a request's connection; made by [`capture_connection`].
#[derive(Clone)]
pub struct CaptureConnection {
    receiver: watch::Receiver<Arc<Option<Connected>>>,
}

impl CaptureConnection {
    /// Information about the connection; `None` while there is none.
    pub fn connection_metadata(&self) -> Metadata {
        Metadata(Arc::clone(&self.receiver.borrow()))
    }

    /// Waits until there is a connection.
    ///
    /// The result is `None` if the request ended without a connection.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn wait_for_connection_metadata(&mut self) -> Metadata {
        // Waiting fails once the request is dropped; an earlier value stays.
        let seen = self.receiver.wait_for(|connected| connected.is_some());
        drop(seen.await);
        self.connection_metadata()
    }
}

impl fmt::Debug for CaptureConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CaptureConnection")
            .field(&*self.connection_metadata())
            .finish()
    }
}

/// Information about a connection, if there is one.
#[derive(Clone, Debug)]
pub struct Metadata(Arc<Option<Connected>>);

impl Deref for Metadata {
    type Target = Option<Connected>;

    fn deref(&self) -> &Option<Connected> {
        &self.0
    }
}

/// Marks a request whose connection is to be reported.
#[derive(Clone)]
pub(crate) struct Capture(pub(crate) Arc<watch::Sender<Arc<Option<Connected>>>>);
