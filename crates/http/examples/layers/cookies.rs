//! A jar of cookies.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use cookie_store::{CookieStore, RawCookie};
use http::header::{COOKIE, SET_COOKIE};
use http::{Request, Response};
use tower::{Layer, Service};
use url::Url;

/// Stores the cookies of responses, and sends them with matching requests. Place it inside the
/// layer that follows redirects, because redirects set cookies too.
#[derive(Clone, Default)]
pub(crate) struct CookieLayer {
    jar: Jar,
}

impl<S> Layer<S> for CookieLayer {
    type Service = Cookies<S>;

    fn layer(&self, service: S) -> Cookies<S> {
        let jar = self.jar.clone();
        Cookies { service, jar }
    }
}

#[derive(Clone)]
pub(crate) struct Cookies<S> {
    service: S,
    jar: Jar,
}

impl<S, B, R> Service<Request<B>> for Cookies<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let url = Url::parse(&request.uri().to_string()).ok();
        if let Some(url) = &url {
            self.jar.fill(&mut request, url);
        }
        let (jar, answer) = (self.jar.clone(), self.service.call(request));
        Box::pin(async move {
            let response = answer.await?;
            if let Some(url) = &url {
                jar.keep(&response, url);
            }
            Ok(response)
        })
    }
}

#[derive(Clone, Default)]
struct Jar(Arc<Mutex<CookieStore>>);

impl Jar {
    fn fill<B>(&self, request: &mut Request<B>, url: &Url) {
        let store = self.lock();
        let cookies = store.get_request_values(url);
        let cookies: Vec<_> = cookies
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty()
            && let Ok(cookies) = cookies.join("; ").try_into()
        {
            request.headers_mut().insert(COOKIE, cookies);
        }
    }

    fn keep<R>(&self, response: &Response<R>, url: &Url) {
        let lines = response.headers().get_all(SET_COOKIE).into_iter();
        let lines = lines.filter_map(|line| line.to_str().ok().map(str::to_owned));
        let cookies = lines.filter_map(|line| RawCookie::parse(line).ok());
        self.lock().store_response_cookies(cookies, url);
    }

    fn lock(&self) -> MutexGuard<'_, CookieStore> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
