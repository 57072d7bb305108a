//! The bodies of the fuzz targets in `fuzz/`. `tests/corpus.rs` runs them on the inputs that are
//! kept.

mod bytes;
mod engine;
mod request;
mod resolver;
mod response;
mod url;
mod wire;

pub use self::engine::engine;
pub use self::request::request;
pub use self::resolver::resolver;
pub use self::response::response;
pub use self::url::url;

pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("engine", engine),
    ("request", request),
    ("url", url),
    ("resolver", resolver),
    ("response", response),
];
