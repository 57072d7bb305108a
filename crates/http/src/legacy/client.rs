//! A client with the interface of hyper-util's.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::{Request, Response, Uri};
use http_body::Body;
use hyper::body::Incoming;
use keepalive::Manager;
use tower_service::Service;

use super::Builder;
use super::connect::{Connect, ServiceConnector};
use super::core::Core;
use super::error::Error;
use crate::Http;
use crate::outgoing::{BoxError, Outgoing};

/// A client on the connections of its own manager, used like `hyper_util::client::legacy::Client`.
///
/// `C` is a hyper-util connector, and `B` the body of its requests. Cloning is cheap; all clones
/// share one manager.
///
/// # Examples
///
/// ```no_run
/// use http_body_util::{BodyExt, Empty};
/// use hyper::body::Bytes;
/// use hyper_util::rt::TokioExecutor;
/// use keepalive_http::legacy::Client; // was: hyper_util::client::legacy::Client
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
/// let response = client.get("http://127.0.0.1:8080/".parse()?).await?;
/// println!("{}", response.status());
/// let text = response.into_body().collect().await?.to_bytes();
/// # Ok(())
/// # }
/// ```
pub struct Client<C, B> {
    /// A [`Core`] without its connector's type, as hyper-util's client sets no bounds on its type
    /// parameters.
    core: Arc<dyn Any + Send + Sync>,
    types: PhantomData<fn(C, B)>,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Incoming>, Error>> + Send>>;

impl Client<(), ()> {
    /// Starts to configure a client.
    ///
    /// The executor runs the tasks that wait for the end of a response. Connections and the
    /// manager's own tasks run in the tokio runtime in which the manager is first used. Once
    /// another runtime sends a request, they run in a thread of the manager.
    pub fn builder<E>(executor: E) -> Builder
    where
        E: hyper::rt::Executor<Pin<Box<dyn Future<Output = ()> + Send>>>
            + Send
            + Sync
            + Clone
            + 'static,
    {
        Builder::new(executor)
    }
}

impl<C, B> Client<C, B>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    pub(super) fn new(core: Core<C>) -> Self {
        Self {
            core: Arc::new(core),
            types: PhantomData,
        }
    }

    /// The client's manager, for statistics, leases and shutdown.
    ///
    /// `None` if the settings are invalid; [`Builder::try_build`] reports that earlier.
    pub fn manager(&self) -> Option<&Manager<Http<ServiceConnector<C>>>> {
        let core: &Core<C> = self.core.downcast_ref()?;
        core.client.as_ref().ok().map(crate::Client::manager)
    }
}

impl<C, B> Client<C, B>
where
    C: Connect + Clone + Send + Sync + 'static,
    B: Body + Send + 'static + Unpin,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    /// Sends a `GET` with the default body, which should be empty; see [`request`](Self::request).
    #[track_caller]
    pub fn get(&self, uri: Uri) -> ResponseFuture
    where
        B: Default,
    {
        let mut request = Request::new(B::default());
        *request.uri_mut() = uri;
        self.request(request)
    }

    /// Sends a request, and waits for the head of its response.
    ///
    /// Nothing happens before the future is polled. The response's extensions contain the extras of
    /// its connection, and an [`Allocation`](crate::Allocation).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the request. If it was sent, its HTTP/1.1 connection is closed
    /// or its HTTP/2 stream is reset; the server may have acted on it.
    ///
    /// # Errors
    ///
    /// If the request is invalid, no connection can be had, or the request fails before the head of
    /// the response is complete.
    #[track_caller]
    pub fn request(&self, request: Request<B>) -> ResponseFuture {
        let location = Location::caller();
        let request = request.map(Outgoing::new);
        let core = Arc::clone(&self.core).downcast::<Core<C>>();
        let core = core.expect("a client is made with the core of its connector");
        ResponseFuture {
            answer: Mutex::new(Box::pin(async move { core.run(request, location).await })),
        }
    }
}

macro_rules! impl_service {
    ($client:ty) => {
        impl<C, B> Service<Request<B>> for $client
        where
            C: Connect + Clone + Send + Sync + 'static,
            B: Body + Send + 'static + Unpin,
            B::Data: Send,
            B::Error: Into<BoxError>,
        {
            type Response = Response<Incoming>;
            type Error = Error;
            type Future = ResponseFuture;

            /// Always ready: each request queues within its own future.
            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
                Poll::Ready(Ok(()))
            }

            #[track_caller]
            fn call(&mut self, request: Request<B>) -> ResponseFuture {
                self.request(request)
            }
        }
    };
}

impl_service!(Client<C, B>);
impl_service!(&Client<C, B>);

impl<C: Clone, B> Clone for Client<C, B> {
    fn clone(&self) -> Self {
        Self {
            core: Arc::clone(&self.core),
            types: PhantomData,
        }
    }
}

impl<C, B> fmt::Debug for Client<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// A pending response; see [`Client::request`].
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture {
    /// Never locked: the mutex only makes the future `Sync`.
    answer: Mutex<Answer>,
}

impl Future for ResponseFuture {
    type Output = Result<Response<Incoming>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = self.answer.get_mut();
        let answer = answer.unwrap_or_else(PoisonError::into_inner);
        answer.as_mut().poll(context)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("ResponseFuture")
    }
}
