//! Windows: no sockets with paths, and other numbers of errors.

#[cfg(feature = "tls")]
use std::fs::OpenOptions;
use std::io;
use std::path::Path;

/// The numbers of the errors of Windows Sockets, by their POSIX names.
#[allow(missing_docs, reason = "the names are those of POSIX")]
pub mod errno {
    pub const ENOPROTOOPT: i32 = 10_042;
    pub const EAFNOSUPPORT: i32 = 10_047;
    pub const ENETUNREACH: i32 = 10_051;
    pub const ECONNRESET: i32 = 10_054;
    pub const ETIMEDOUT: i32 = 10_060;
    pub const ECONNREFUSED: i32 = 10_061;
    pub const EHOSTUNREACH: i32 = 10_065;
}

const WSAEMFILE: i32 = 10_024;
const WSAEWOULDBLOCK: i32 = 10_035;

/// Fails: tokio has no Unix sockets on Windows.
pub(crate) async fn open_unix(_path: &Path) -> io::Result<UnixStream> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "Unix sockets are not supported on Windows: connect to a TCP port of the server",
    ))
}

/// Stands in for a Unix stream, of which there is none.
pub(crate) use tokio::net::TcpStream as UnixStream;

/// Whether `error` of `connect` means that the connection is being established.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(WSAEWOULDBLOCK)
}

/// Whether this is the number of an error for lack of a socket.
pub(crate) fn wants_descriptor(number: i32) -> bool {
    number == WSAEMFILE
}

/// Sockets are limited by memory alone, and lookups need none.
#[allow(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
pub(crate) fn has_descriptor() -> io::Result<()> {
    Ok(())
}

/// A new file has the access rights that its folder gives it.
#[cfg(feature = "tls")]
pub(crate) fn owned_by_one(_: &mut OpenOptions) {}

#[cfg(all(test, not(any(keepalive_loom, keepalive_shuttle))))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_path_on_windows_is_refused_with_the_reason_and_a_way_out() {
        let error = open_unix(Path::new("/run/x.sock")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        let text = error.to_string();
        assert!(text.contains("not supported on Windows"), "{text}");
        assert!(text.contains("connect to a TCP port"), "{text}");
    }
}
