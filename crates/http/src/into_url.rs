//! The types that a client accepts as a URL.

use http::{HeaderValue, Uri};

use crate::{Url, UrlError};

/// A URL, or text that is one: [`Url`], [`Uri`], `&str` or `String`.
///
/// Text is parsed like a [`Url`]. A [`Uri`] is used unchanged.
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
