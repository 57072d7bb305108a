//! The part of the hyper-util client that is independent of the request body's type.

use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use keepalive::ConfigError;
use keepalive::authority::without_user;

use super::connect::{
    Capture, Connect, Connected, Info, ServiceConnector, Spans, Streams, Transport,
};
use super::error::{Error, Kind};
use super::place;
use crate::client::Answered;
use crate::exchange::{Exchange, Form};
use crate::hold::Hold;
use crate::outgoing::{BoxError, Outgoing};
use crate::received::Received;
use crate::{Client, HttpConnection};

pub(super) type Executor =
    dyn hyper::rt::Executor<Pin<Box<dyn Future<Output = ()> + Send>>> + Send + Sync;

pub(super) struct Core<C: Connect + Clone + Send + Sync + 'static> {
    /// Or the error of its settings.
    pub(super) client: Result<Client<ServiceConnector<C>>, ConfigError>,
    pub(super) spans: Spans,
    pub(super) executor: Arc<Executor>,
    pub(super) set_host: bool,
}

impl<C: Connect + Clone + Send + Sync + 'static> Core<C> {
    pub(super) async fn run(
        &self,
        request: Request<Outgoing>,
        location: &'static Location<'static>,
    ) -> Result<Response<Incoming>, Error> {
        let (exchange, body) = self.exchange(request)?;
        let client = self.client.as_ref();
        let client = client.map_err(|error| Error::caused(Kind::Connect, error.clone()))?;
        let capture = exchange.head.extensions.get::<Capture>().cloned();
        let whole = body.is_whole();
        let asked = self.spans.ask(exchange.host());
        let mut last = None;
        let mut choose = |connection: &HttpConnection<Transport<C::Io>>, used| {
            if let Some(asked) = &asked {
                asked.is_served();
            }
            // A connection without its transport fails when it is used.
            let info = connection.with_transport(|transport| transport.info.clone());
            last = info.map(|info| (info, connection.version()));
            let Some((info, _)) = &last else {
                return Some(Form::Target);
            };
            info.is_used();
            // A connection that was poisoned from the start serves one request.
            if used && info.is_poisoned() {
                return None;
            }
            if let Some(capture) = &capture {
                capture.0.send_replace(info.give());
            }
            Some(match info.connected().is_some_and(Connected::is_proxied) {
                true => Form::Absolute,
                false => Form::Target,
            })
        };
        let answered = client.exchange(&exchange, body, location, &mut choose);
        let answered = answered.await;
        let info = last.as_ref().map(|(info, _)| info);
        match answered {
            Ok(answered) => Ok(self.respond(&exchange, whole, answered, info).await),
            Err(error) => Err(match &last {
                Some((info, version)) if exchange.check_version(*version).is_err() => {
                    Error::new(Kind::UserUnsupportedVersion).with_info(Some(info))
                }
                _ => Error::from_ours(error, info),
            }),
        }
    }

    fn exchange(&self, request: Request<Outgoing>) -> Result<(Exchange, Outgoing), Error> {
        let (mut head, body) = request.into_parts();
        let connects = head.method == Method::CONNECT;
        match head.version {
            Version::HTTP_10 if connects => {
                return Err(Error::new(Kind::UserUnsupportedRequestMethod));
            }
            Version::HTTP_10 | Version::HTTP_11 | Version::HTTP_2 => {}
            _ => return Err(Error::new(Kind::UserUnsupportedVersion)),
        }
        let (scheme, authority) = parts(&head.uri, connects)?;
        let refused = |what: BoxError| Error::caused(Kind::SendRequest, what);
        let to = place::request(&scheme, &authority).map_err(|error| refused(error.into()))?;
        let host = self.set_host.then(|| place::header(&scheme, &authority));
        let path = target(&head.uri, &authority, connects);
        head.uri = whole(&head.uri, scheme, &authority).map_err(|error| refused(error.into()))?;
        let exchange = Exchange::to(to, head, path, host.flatten(), &body);
        Ok((exchange.map_err(|error| refused(error.into()))?, body))
    }

    /// Returns a response; its connection is returned once hyper is done with it.
    async fn respond(
        &self,
        exchange: &Exchange,
        whole: bool,
        mut answered: Answered<ServiceConnector<C>>,
        info: Option<&Info>,
    ) -> Response<Incoming> {
        let allocation = answered.allocation();
        let Answered {
            response, mut hold, ..
        } = answered;
        let mut response = response.map(Received::into_hyper);
        if let Some(connected) = info.and_then(Info::connected) {
            connected.get_extras(response.extensions_mut());
        }
        response.extensions_mut().insert(allocation);
        if hold.is_shared() {
            let streams = info.map(|info| info.streams.clone()).unwrap_or_default();
            self.now_or_later(streamed(streams, hold)).await;
            return response;
        }
        let tunnel = exchange.head.method == Method::CONNECT && response.status().is_success();
        if response.status() == StatusCode::SWITCHING_PROTOCOLS || tunnel {
            let left = async move { hold.lease().left().await };
            self.executor.execute(Box::pin(left));
            return response;
        }
        let keeps = info.cloned();
        let is_framed = exchange.is_framed;
        let keeps = move || is_framed && keeps.is_none_or(|info| info.keeps());
        let at_end = http_body::Body::is_end_stream(response.body());
        if at_end && whole {
            // Only hyper's report of readiness is missing, and it comes at once.
            let reusable = poll_fn(|context| hold.poll_reusable_soon(context)).await;
            hold.end(reusable && keeps());
        } else {
            let read = async move {
                let reusable = poll_fn(|context| hold.poll_reusable(context)).await;
                hold.end(reusable && keeps());
            };
            self.now_or_later(read).await;
        }
        response
    }

    /// Polls `task` once, and spawns it if it is still pending.
    async fn now_or_later(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut task = Box::pin(task);
        if poll_fn(|context| Poll::Ready(task.as_mut().poll(context)))
            .await
            .is_pending()
        {
            self.executor.execute(task);
        }
    }
}

/// Waits for the end of a stream or its connection, then frees its place on the connection.
async fn streamed<C: Connect + Clone + Send + Sync + 'static>(
    streams: Streams,
    mut hold: Hold<ServiceConnector<C>>,
) {
    let mut ended = pin!(streams.ended());
    poll_fn(|context| match ended.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => hold.lease().poll_transport_dropped(context),
    })
    .await;
    if !streams.take_reset() {
        let _whatever_follows = poll_fn(|context| hold.poll_reusable(context)).await;
    }
    hold.break_off();
}

/// The scheme and the authority of a URL. A tunnel's URL may lack the scheme; its port implies one.
fn parts(uri: &Uri, connects: bool) -> Result<(Scheme, Authority), Error> {
    match (uri.scheme(), uri.authority()) {
        (Some(scheme), Some(authority)) => Ok((scheme.clone(), authority.clone())),
        (None, Some(authority)) if connects => {
            let scheme = match authority.port_u16() {
                Some(443) => Scheme::HTTPS,
                _ => Scheme::HTTP,
            };
            Ok((scheme, authority.clone()))
        }
        _ => Err(Error::new(Kind::UserAbsoluteUriRequired)),
    }
}

/// The request target for an HTTP/1.1 server that is no proxy (RFC 9112, section 3.2).
fn target(uri: &Uri, authority: &Authority, connects: bool) -> Uri {
    let mut parts = http::uri::Parts::default();
    if connects {
        parts.authority = without_user(authority.as_str()).parse().ok();
    } else {
        parts.path_and_query = uri.path_and_query().cloned();
    }
    Uri::from_parts(parts).unwrap_or_default()
}

/// The URL with its scheme, but without user name and password, which must not be sent (RFC 9110,
/// section 4.2.4).
fn whole(uri: &Uri, scheme: Scheme, authority: &Authority) -> Result<Uri, http::Error> {
    let path = uri.path_and_query().cloned();
    Uri::builder()
        .scheme(scheme)
        .authority(without_user(authority.as_str()))
        .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
        .build()
}
