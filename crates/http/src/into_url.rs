//! What a client takes for a URL.

use http::{HeaderValue, Uri};

use crate::{Url, UrlError};

/// A URL, or text that is one: [`Url`], [`Uri`], `&str` or `String`.
///
/// Text is read as a [`Url`] is. A [`Uri`] is taken as it stands.
pub trait IntoUrl: Sealed {}

impl<T: Sealed> IntoUrl for T {}

/// Keeps others from implementing [`IntoUrl`].
pub trait Sealed {
    /// The URL, and the value of its `authorization` header.
    #[doc(hidden)]
    fn into_parts(self) -> Result<(Uri, Option<HeaderValue>), UrlError>;
}

impl Sealed for Uri {
    fn into_parts(self) -> Result<(Uri, Option<HeaderValue>), UrlError> {
        Ok((self, None))
    }
}

impl Sealed for Url {
    fn into_parts(self) -> Result<(Uri, Option<HeaderValue>), UrlError> {
        Ok(Self::into_parts(self))
    }
}

impl Sealed for &Url {
    fn into_parts(self) -> Result<(Uri, Option<HeaderValue>), UrlError> {
        Ok(self.clone().into_parts())
    }
}

impl Sealed for &str {
    fn into_parts(self) -> Result<(Uri, Option<HeaderValue>), UrlError> {
        self.parse().map(Url::into_parts)
    }
}

impl Sealed for String {
    fn into_parts(self) -> Result<(Uri, Option<HeaderValue>), UrlError> {
        self.as_str().into_parts()
    }
}

impl Sealed for &String {
    fn into_parts(self) -> Result<(Uri, Option<HeaderValue>), UrlError> {
        self.as_str().into_parts()
    }
}
