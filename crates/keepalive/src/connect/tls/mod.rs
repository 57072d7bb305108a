//! TLS with rustls: the settings, the handshake, and the encrypted stream.

mod builder;
mod error;
mod handshake;
mod info;
mod key_log;
mod schemes;
mod settings;
mod stream;
mod turns;
mod verify;

pub use builder::TlsBuilder;
pub use info::TlsInfo;
pub use settings::{Tls, TlsConfigError};

pub(crate) use handshake::{connect, server_name};
pub(crate) use schemes::Schemes;
pub(crate) use stream::TlsStream;
