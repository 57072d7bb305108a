//! Decides which redirects are followed, and with which headers.

use http::Request;
use http::header::{AUTHORIZATION, COOKIE, HOST, PROXY_AUTHORIZATION};
use tower_http::follow_redirect::policy::{Action, Attempt, Policy};

/// Follows a limited number of redirects. Once one leads to another origin, secret headers are
/// removed for good.
///
/// The default policy of `FollowRedirectLayer::new()` compares each location only with the previous
/// one: the second request to another origin has the credentials again.
#[derive(Clone)]
pub(crate) struct Redirects {
    more: u32,
    has_left: bool,
}

impl Redirects {
    pub(crate) fn at_most(redirects: u32) -> Self {
        Self {
            more: redirects,
            has_left: false,
        }
    }
}

impl<E> Policy<String, E> for Redirects {
    fn redirect(&mut self, attempt: &Attempt<'_>) -> Result<Action, E> {
        let Some(more) = self.more.checked_sub(1) else {
            return Ok(Action::Stop);
        };
        self.more = more;
        let (from, to) = (attempt.previous(), attempt.location());
        self.has_left |= (from.scheme(), from.authority()) != (to.scheme(), to.authority());
        Ok(Action::Follow)
    }

    fn on_request(&mut self, request: &mut Request<String>) {
        if self.has_left {
            for name in [AUTHORIZATION, COOKIE, HOST, PROXY_AUTHORIZATION] {
                request.headers_mut().remove(name);
            }
        }
    }

    /// For a 307, which needs the body again.
    fn clone_body(&self, body: &String) -> Option<String> {
        Some(body.clone())
    }
}
