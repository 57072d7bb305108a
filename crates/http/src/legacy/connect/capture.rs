//! What a request's connection is, for whoever sends it.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use http::Request;
use tokio::sync::watch;

use super::Connected;

/// What `request` will have been sent on, as soon as there is a connection.
///
/// It has to be this function, not that of hyper-util, whose mark only its own client can read.
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

/// What a request has been sent on; made by [`capture_connection`].
#[derive(Clone)]
pub struct CaptureConnection {
    receiver: watch::Receiver<Arc<Option<Connected>>>,
}

impl CaptureConnection {
    /// What there is to know of the connection; `None` while there is none.
    pub fn connection_metadata(&self) -> Metadata {
        Metadata(Arc::clone(&self.receiver.borrow()))
    }

    /// Waits until there is a connection.
    ///
    /// The answer is `None` if the request has gone without ever having had one.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn wait_for_connection_metadata(&mut self) -> Metadata {
        // It fails when the request has gone. What was said before that stays.
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

/// What there is to know of a connection, if there is one.
#[derive(Clone, Debug)]
pub struct Metadata(Arc<Option<Connected>>);

impl Deref for Metadata {
    type Target = Option<Connected>;

    fn deref(&self) -> &Option<Connected> {
        &self.0
    }
}

/// The mark on a request whose connection is to be told.
#[derive(Clone)]
pub(crate) struct Capture(Arc<watch::Sender<Arc<Option<Connected>>>>);

impl Capture {
    pub(crate) fn tell(&self, connected: Arc<Option<Connected>>) {
        self.0.send_replace(connected);
    }
}
