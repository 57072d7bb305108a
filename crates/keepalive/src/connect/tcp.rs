//! Opening TCP connections.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol};
use tokio::net::TcpStream;

use crate::connect::{Attempt, ConnectError, Phase, socket};

/// Connects to the first of `addresses` that answers, from the attempt's bind address if it has
/// one. `TCP_NODELAY` is on: a request is written in one piece, and waiting for more only delays
/// it.
pub(crate) async fn connect(
    attempt: &Attempt,
    addresses: &[SocketAddr],
) -> Result<TcpStream, ConnectError> {
    attempt.enter(Phase::Connect);
    let bind = attempt.bind_address();
    let mut last = None;
    for &address in addresses {
        if bind.is_some_and(|bind| bind.is_ipv4() != address.is_ipv4()) {
            continue;
        }
        match connect_one(address, bind).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| no_address(bind, addresses)))
}

async fn connect_one(address: SocketAddr, bind: Option<IpAddr>) -> Result<TcpStream, ConnectError> {
    let failed = |error| failed("connect", error, address);
    let (stream, connected) = begin(address, bind)?;
    if !connected {
        let writable = poll_fn(|context| stream.poll_write_ready(context));
        writable.await.map_err(failed)?;
        if let Some(error) = stream.take_error().map_err(failed)? {
            return Err(failed(error));
        }
    }
    Ok(stream)
}

/// A socket that connects, and whether it has done so.
fn begin(address: SocketAddr, bind: Option<IpAddr>) -> Result<(TcpStream, bool), ConnectError> {
    let socket = socket::new(Domain::for_address(address), Some(Protocol::TCP))
        .and_then(|socket| socket.set_tcp_nodelay(true).map(|()| socket))
        .map_err(|error| failed("socket", error, address))?;
    if let Some(bind) = bind {
        let bound = socket.bind(&SocketAddr::new(bind, 0).into());
        bound.map_err(|error| {
            ConnectError::new("bind", error).detail(format!("to {bind} for {address}"))
        })?;
    }
    let begun = || {
        // The machine itself has mostly answered by now, and the reactor need not be waited for.
        let connected = socket::connect(&socket, &address.into())?
            || address.ip().is_loopback() && socket.peer_addr().is_ok();
        Ok((TcpStream::from_std(socket.into())?, connected))
    };
    begun().map_err(|error| failed("connect", error, address))
}

fn failed(function: &'static str, error: io::Error, address: SocketAddr) -> ConnectError {
    ConnectError::new(function, error).detail(address.to_string())
}

fn no_address(bind: Option<IpAddr>, addresses: &[SocketAddr]) -> ConnectError {
    let Some(bind) = bind.filter(|_| !addresses.is_empty()) else {
        let none = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        return ConnectError::new("resolve", none);
    };
    let family = if bind.is_ipv4() { "IPv4" } else { "IPv6" };
    let error = io::Error::from_raw_os_error(libc::EAFNOSUPPORT);
    ConnectError::new("bind", error).detail(format!(
        "to {bind}: the host has no {family} address, but {}",
        addresses[0].ip()
    ))
}
