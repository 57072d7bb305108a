//! Decides which requests are sent again, and when.

use std::time::Duration;

use http::{Request, Response, StatusCode};
use tower::retry::Policy;
use tower::retry::backoff::{Backoff, ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff};
use tower::util::rng::HasherRng;

/// Retries idempotent requests a limited number of times: after an error, and after a response that
/// reports a temporary failure. The wait doubles each time, with some jitter.
#[derive(Clone)]
pub(crate) struct Retries {
    more: u32,
    backoff: ExponentialBackoff,
}

impl Retries {
    pub(crate) fn at_most(retries: u32) -> Self {
        let (first, last) = (Duration::from_millis(100), Duration::from_secs(5));
        let backoff = ExponentialBackoffMaker::new(first, last, 0.5, HasherRng::default());
        Self {
            more: retries,
            backoff: backoff
                .expect("the first is shorter than the last")
                .make_backoff(),
        }
    }
}

impl<R, E> Policy<Request<String>, Response<R>, E> for Retries {
    type Future = tokio::time::Sleep;

    fn retry(
        &mut self,
        request: &mut Request<String>,
        result: &mut Result<Response<R>, E>,
    ) -> Option<Self::Future> {
        let is_worth = match result {
            Ok(response) => matches!(
                response.status(),
                StatusCode::TOO_MANY_REQUESTS
                    | StatusCode::BAD_GATEWAY
                    | StatusCode::SERVICE_UNAVAILABLE
                    | StatusCode::GATEWAY_TIMEOUT
            ),
            Err(_) => true,
        };
        if !is_worth || !request.method().is_idempotent() {
            return None;
        }
        self.more = self.more.checked_sub(1)?;
        Some(self.backoff.next_backoff())
    }

    fn clone_request(&mut self, request: &Request<String>) -> Option<Request<String>> {
        Some(request.clone())
    }
}
