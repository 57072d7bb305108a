//! JSON bodies.

use std::error::Error;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Body;
use serde::Serialize;
use serde::de::DeserializeOwned;

type BoxError = Box<dyn Error + Send + Sync>;

pub(crate) fn request(
    method: Method,
    url: &str,
    value: &impl Serialize,
) -> Result<Request<String>, BoxError> {
    let request = Request::builder()
        .method(method)
        .uri(url)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/json");
    Ok(request.body(serde_json::to_string(value)?)?)
}

/// Reads and parses the whole body. A status that is no success is an error.
pub(crate) async fn read<T, B>(response: Response<B>) -> Result<T, BoxError>
where
    T: DeserializeOwned,
    B: Body<Error: Into<BoxError>>,
{
    let status = response.status();
    if !status.is_success() {
        return Err(status.to_string().into());
    }
    let body = response.into_body().collect().await.map_err(Into::into)?;
    Ok(serde_json::from_slice(&body.to_bytes())?)
}
