//! The policy for redirects: their limit, and the headers that are dropped.

use bytes::Bytes;
use http::Request;
use http::header::HOST;
use http_body_util::Full;
use keepalive::Host;
use tower_http::follow_redirect::policy::{Action, Attempt, Policy};

use crate::fetch::exchange::ExchangeError;
use crate::fetch::exchange::trail::Trail;
use crate::fetch::message::CREDENTIALS;
use crate::fetch::target::Target;

/// Follows redirects up to a limit, and drops credentials at the first redirect to another host.
///
/// tower-http's `FilterCredentials` compares each URL with the one before it. So its second request
/// to another host has the credentials again.
#[derive(Clone, Debug)]
pub(crate) struct Redirects {
    /// The limit on redirects; `None` follows none.
    pub(crate) limit: Option<u32>,
    /// The host of the first request.
    pub(crate) host: Host,
    /// Whether a redirect led to another host.
    pub(crate) has_left: bool,
    /// The record of the fetch, which counts the redirects.
    pub(crate) trail: Trail,
}

impl Policy<Full<Bytes>, ExchangeError> for Redirects {
    fn redirect(&mut self, attempt: &Attempt<'_>) -> Result<Action, ExchangeError> {
        let Some(limit) = self.limit else {
            return Ok(Action::Stop);
        };
        if self.trail.record().redirects >= limit {
            return Err(ExchangeError::TooManyRedirects(limit));
        }
        let next: Target = attempt.location().to_string().parse()?;
        self.has_left |= next.host != self.host;
        self.trail.record().redirects += 1;
        Ok(Action::Follow)
    }

    fn on_request(&mut self, request: &mut Request<Full<Bytes>>) {
        if self.has_left {
            for name in &CREDENTIALS {
                request.headers_mut().remove(name);
            }
            request.headers_mut().remove(HOST);
        }
    }

    fn clone_body(&self, body: &Full<Bytes>) -> Option<Full<Bytes>> {
        Some(body.clone())
    }
}
