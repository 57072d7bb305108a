//! Sends a request to a forwarding proxy (RFC 9112, section 3.2.2).

use std::mem;

use http::header::{PROXY_AUTHORIZATION, UPGRADE};
use http::{HeaderValue, Method, Uri};
use keepalive::{Forwarder, Host};

use crate::Error;
use crate::error::Tried;
use crate::exchange::Exchange;

impl Exchange {
    /// Sends the request to the proxy that forwards requests to its host, if there is one.
    ///
    /// A tunnel and a request for another protocol are not forwarded: proxies forward neither (RFC
    /// 9110, section 7.8).
    pub(crate) fn forward(
        &mut self,
        forwarder: impl FnOnce(&Host) -> Option<Forwarder>,
    ) -> Result<(), Error> {
        let Some(forwarder) = forwarder(self.to.host()) else {
            return Ok(());
        };
        if self.head.method == Method::CONNECT || self.head.headers.contains_key(UPGRADE) {
            return Ok(());
        }
        let authority = self.host.as_ref().map(HeaderValue::as_bytes);
        let whole = Uri::builder()
            .scheme(self.to.host().scheme())
            .authority(authority.unwrap_or_default())
            .path_and_query(
                self.target
                    .path_and_query()
                    .map_or("/", |path| path.as_str()),
            )
            .build();
        self.target = whole.map_err(|error| Error::url(error.to_string()))?;
        if let Some(secret) = forwarder.authorization()
            && !self.head.headers.contains_key(PROXY_AUTHORIZATION)
        {
            let mut secret = HeaderValue::try_from(secret).map_err(|_| {
                let what = "the proxy's credentials can not be sent as a header";
                self.tried().failed("request", what)
            })?;
            secret.set_sensitive(true);
            self.head.headers.insert(PROXY_AUTHORIZATION, secret);
        }
        let to = forwarder.request().clone();
        self.origin = Some(Box::new(mem::replace(&mut self.to, to)));
        Ok(())
    }

    /// The host of the request's URL.
    pub(crate) fn host(&self) -> &Host {
        self.origin.as_deref().unwrap_or(&self.to).host()
    }

    /// The method, host and proxy, for errors.
    pub(crate) fn tried(&self) -> Tried {
        Tried {
            method: self.head.method.clone(),
            host: self.host().clone(),
            by: self.origin.as_ref().map(|_| self.to.host().clone()),
        }
    }

    /// Adds the proxy to an error of this exchange, if there is one.
    pub(crate) fn name_proxy(&self, error: Error) -> Error {
        match self.origin {
            Some(_) => error.of(self.tried()),
            None => error,
        }
    }
}
