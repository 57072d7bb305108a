//! All that differs from system to system. No other file of this crate asks for the system.

use std::io;
#[cfg(feature = "tls")]
use std::sync::Arc;

#[cfg(feature = "tls")]
use rustls::{crypto::CryptoProvider, pki_types::CertificateDer};
#[cfg(feature = "tls")]
use rustls_platform_verifier::Verifier;
use socket2::{Domain, Protocol, Socket, Type};

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod not_linux;
#[cfg(unix)]
mod unix;
// The tests of other systems build it too.
#[cfg(any(windows, test))]
#[cfg_attr(not(windows), allow(dead_code, unreachable_pub))]
mod windows;

#[cfg(target_os = "linux")]
use linux as options;
#[cfg(not(target_os = "linux"))]
use not_linux as options;
#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

pub(crate) use options::{bind_interface, set_mark, set_user_timeout};
pub use system::errno;
#[cfg(feature = "tls")]
pub(crate) use system::owned_by_one;
pub(crate) use system::{UnixStream, has_descriptor, is_in_progress, open_unix, wants_descriptor};

/// A non-blocking stream socket, made with as few system calls as possible.
pub(crate) fn new_socket(domain: Domain, protocol: Option<Protocol>) -> io::Result<Socket> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    return Socket::new(domain, Type::STREAM.nonblocking(), protocol);

    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    {
        let socket = Socket::new(domain, Type::STREAM, protocol)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

/// The verifier of the system's own roots, with `roots` beside them.
#[cfg(feature = "tls")]
pub(crate) fn with_extra_roots(
    roots: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Verifier, rustls::Error> {
    #[cfg(not(target_os = "android"))]
    return Verifier::new_with_extra_roots(roots, provider);

    #[cfg(target_os = "android")]
    {
        let _ = (roots, provider);
        let text = "own roots beside the platform's are not supported on Android";
        Err(rustls::Error::General(text.to_owned()))
    }
}
