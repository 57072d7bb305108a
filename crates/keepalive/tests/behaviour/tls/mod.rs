//! TLS, over real sockets, with rustls on the other side.

mod certificates;
mod closing;
mod handshake;
mod idle;
mod nginx;
mod openssl;
#[cfg(feature = "proxy")]
mod proxy;
mod settings;
