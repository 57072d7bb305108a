//! Which redirects are followed, and what goes along.

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

/// How many redirects are followed, and what the requests that follow them may say.
///
/// What is for one host only stays behind as soon as another is asked, and for good. tower-http's
/// own `FilterCredentials` compares each place with the one before it alone, so that the second
/// request to another host has the credentials again.
#[derive(Clone, Debug)]
pub(crate) struct Redirects {
    /// `None` where none is followed.
    pub(crate) limit: Option<u32>,
    /// The host that was asked first.
    pub(crate) host: Host,
    /// Whether another has been asked.
    pub(crate) has_left: bool,
    /// Counts those that have been followed.
    pub(crate) trail: Trail,
}

impl Policy<Full<Bytes>, ExchangeError> for Redirects {
    fn redirect(&mut self, attempt: &Attempt<'_>) -> Result<Action, ExchangeError> {
        let Some(limit) = self.limit else {
            return Ok(Action::Stop);
        };
        if self.trail.redirects() >= limit {
            return Err(ExchangeError::TooManyRedirects(limit));
        }
        let next: Target = attempt.location().to_string().parse()?;
        self.has_left |= next.host != self.host;
        self.trail.redirected();
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
