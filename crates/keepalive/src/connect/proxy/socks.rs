//! Ways through SOCKS 5 proxies (RFC 1928, RFC 1929).

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio_socks::tcp::Socks5Stream;
use tokio_socks::{Error, TargetAddr};

use super::Credentials;
use crate::address::Address;

/// Asks the proxy to connect to `target`.
pub(super) async fn open(
    stream: &mut TcpStream,
    target: &Address,
    port: u16,
    credentials: Option<&Credentials>,
) -> io::Result<()> {
    let target = match target {
        Address::Ip(ip) => TargetAddr::Ip(SocketAddr::new(*ip, port)),
        Address::Name(name) => TargetAddr::Domain(name.to_string().into(), port),
        other => {
            let error = format!("{other} means something on this machine alone");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
        }
    };
    let opened = match credentials {
        None => Socks5Stream::connect_with_socket(stream, target).await,
        Some(Credentials { user, password }) => {
            Socks5Stream::connect_with_password_and_socket(stream, target, user, password).await
        }
    };
    opened.map(drop).map_err(fault)
}

/// What the proxy says went wrong, as the system would have said it.
fn fault(error: Error) -> io::Error {
    let number = match &error {
        Error::ConnectionRefused => libc::ECONNREFUSED,
        Error::HostUnreachable => libc::EHOSTUNREACH,
        Error::NetworkUnreachable => libc::ENETUNREACH,
        Error::TtlExpired => libc::ETIMEDOUT,
        Error::Io(_) => match error {
            Error::Io(error) => return error,
            _ => unreachable!("it was one"),
        },
        Error::ConnectionNotAllowedByRuleset
        | Error::PasswordAuthFailure(_)
        | Error::NoAcceptableAuthMethods => {
            return io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("the proxy: {error}"),
            );
        }
        _ => return io::Error::other(format!("the proxy: {error}")),
    };
    io::Error::from_raw_os_error(number)
}
