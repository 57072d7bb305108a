//! Sends user names and passwords of URLs as Basic credentials (RFC 7617).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;

/// The value of an `authorization` header; `None` if both are empty. Both are percent-encoded.
pub(crate) fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    if user.is_empty() && password.is_empty() {
        return None;
    }
    let mut pair: Vec<u8> = percent_decode_str(user).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(password));
    let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Turns user name and password in the URL of a request into its `authorization` header, unless it
/// has one. They are not sent in the URL (RFC 9110, section 4.2.4).
pub(crate) fn take(head: &mut Parts) {
    let authority = head.uri.authority().map(Authority::as_str);
    let Some((pair, place)) = authority.and_then(|authority| authority.rsplit_once('@')) else {
        return;
    };
    let (user, password) = pair.split_once(':').unwrap_or((pair, ""));
    let value = basic(user, password);
    let mut parts = head.uri.clone().into_parts();
    parts.authority = place.parse().ok();
    // The URL has more parts than credentials.
    let Ok(uri) = Uri::from_parts(parts) else {
        return;
    };
    head.uri = uri;
    if let Some(value) = value {
        head.headers.entry(AUTHORIZATION).or_insert(value);
    }
}
