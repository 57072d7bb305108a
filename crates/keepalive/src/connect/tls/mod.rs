//! TLS with rustls: the settings, the handshake, and the encrypted stream.

mod builder;
mod error;
mod handshake_limit;
mod info;
mod key_log;
mod schemes;
mod settings;
mod stream;
mod verify;

pub use builder::TlsBuilder;
pub use info::TlsInfo;
pub use settings::{Tls, TlsConfigError};

pub(crate) use schemes::{Schemes, server_name};
pub(crate) use stream::TlsStream;

/// A proxy is offered this application protocol alone.
#[cfg(feature = "proxy")]
pub(crate) const HTTP_11: &[u8] = b"http/1.1";
