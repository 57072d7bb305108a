//! Which redirects are followed, and with what.

use http::Request;
use http::header::{AUTHORIZATION, COOKIE, HOST, PROXY_AUTHORIZATION};
use tower_http::follow_redirect::policy::{Action, Attempt, Policy};

/// Follows so many redirects. Once one leads to another origin, what is secret stays behind for
/// good.
///
/// `FollowRedirectLayer::new()` brings a policy that compares each place with the one before it
/// alone: the second request to another origin has the credentials again.
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

    /// For a 307, which wants the body once more.
    fn clone_body(&self, body: &String) -> Option<String> {
        Some(body.clone())
    }
}
