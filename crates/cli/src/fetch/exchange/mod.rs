//! Sends a request, follows redirects, and counts the bytes of the response.

pub(crate) mod heads;
mod jar;
mod redirect;
pub(crate) mod trail;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, LOCATION};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Frame};
use keepalive_http::Client;
use tower::{ServiceExt, service_fn};
use tower_http::follow_redirect::FollowRedirect;

use crate::fetch::coding::{self, Coding, Raw};
use crate::fetch::exchange::jar::Jar;
use crate::fetch::exchange::redirect::Redirects;
use crate::fetch::exchange::trail::Trail;
use crate::fetch::message::Message;
use crate::fetch::target::{self, Target, TargetError};

/// Sends requests through one manager, with the same settings.
#[derive(Debug)]
pub(crate) struct Exchanges {
    pub(crate) client: Client,
    pub(crate) message: Message,
    /// The limit on redirects; `None` takes a redirect as the result.
    pub(crate) redirects: Option<u32>,
    /// Whether cookies of servers are sent along redirects.
    pub(crate) keeps_cookies: bool,
    /// Whether to accept and unpack packed bodies.
    pub(crate) unpack: bool,
    /// Whether servers without TLS get HTTP/2.
    pub(crate) assumes_http2: bool,
}

/// The response to a request, or to the last of its redirects.
pub(crate) type Answer = Response<Raw>;

/// There is no response, or a redirect was not followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error("{0}")]
    Http(#[from] keepalive_http::Error),
    #[error("{0} redirects were followed, and there is another; --max-redirects allows more")]
    TooManyRedirects(u32),
    #[error("it leads to what can not be fetched: {0}")]
    Location(#[from] TargetError),
}

impl Exchanges {
    /// Sends the request for `target`, and returns once the head of the last response is there.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the exchange; the trail stays.
    ///
    /// # Errors
    ///
    /// There is no response, or a redirect leads to no HTTP URL or exceeds the limit.
    pub(crate) async fn send(
        &self,
        target: &Target,
        trail: &Trail,
    ) -> Result<Answer, ExchangeError> {
        let (client, notes) = (self.client.clone(), trail.clone());
        let jar = self.keeps_cookies.then(Jar::default);
        let hop =
            service_fn(move |request| hop(client.clone(), request, notes.clone(), jar.clone()));
        let policy = Redirects {
            limit: self.redirects,
            host: target.host.clone(),
            has_left: false,
            trail: trail.clone(),
        };
        let stack = FollowRedirect::with_policy(hop, policy);
        let mut request = self.message.request(target);
        if self.unpack {
            let headers = request.headers_mut();
            headers.entry(ACCEPT_ENCODING).or_insert(coding::OFFERED);
        }
        Box::pin(stack.oneshot(request)).await
    }

    /// A likely cause of `error`, if the settings suggest one.
    pub(crate) fn advice(&self, target: &Target, error: &ExchangeError) -> Option<&'static str> {
        let assumed = self.assumes_http2 && target.host.scheme() == "http";
        let is_wrong = matches!(error, ExchangeError::Http(error) if error.is_not_http2());
        (assumed && is_wrong).then_some(ADVICE)
    }

    /// The fault of a response that can not be the result: the function, and the reason.
    pub(crate) fn fault(&self, answer: &Answer) -> Option<(&'static str, String)> {
        let headers = answer.headers();
        if self.redirects.is_some()
            && is_redirect(answer.status())
            && headers.contains_key(LOCATION)
        {
            return Some(("redirect", "the location it leads to is no URL".to_owned()));
        }
        let codings = self.codings(answer);
        codings.err().map(|unknown| ("decode", unknown))
    }

    /// The content codings to remove from the body; the error names an unknown one in words.
    pub(crate) fn codings(&self, answer: &Answer) -> Result<Vec<Coding>, String> {
        match self.unpack && !answer.body().is_end_stream() {
            true => coding::codings(answer.headers()),
            false => Ok(Vec::new()),
        }
    }
}

const ADVICE: &str = "--http2 takes for granted that the server speaks HTTP/2";

/// Sends one request of a chain of redirects.
async fn hop(
    client: Client,
    mut request: Request<Full<Bytes>>,
    trail: Trail,
    jar: Option<Jar>,
) -> Result<Response<Raw>, ExchangeError> {
    let uri = request.uri().clone();
    if let Some(jar) = &jar {
        jar.open(&mut request);
    }
    trail.asks(&request);
    let mut response = match client.request(request).await {
        Ok(response) => response,
        Err(error) => {
            trail.record().resent += error.resent();
            return Err(error.into());
        }
    };
    trail.answered(&response);
    if let Some(jar) = &jar {
        jar.fill(&uri, response.headers());
    }
    if let Some(value) = response.headers_mut().get_mut(LOCATION) {
        // Resolved as browsers do. An invalid location stays, and becomes an error later.
        let next = target::location(&uri, value).ok();
        if let Some(next) = next.and_then(|url| HeaderValue::try_from(url.to_string()).ok()) {
            *value = next;
        }
    }
    let count = move |frame: &Frame<Bytes>| {
        trail.record().received += frame.data_ref().map_or(0, Bytes::len) as u64;
    };
    Ok(response.map(|body| body.inspect_frame(count).boxed_unsync()))
}

/// Whether tower-http follows redirects of this status.
fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
