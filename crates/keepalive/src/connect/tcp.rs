//! Opens one TCP connection.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use socket2::{Domain, Protocol};
use tokio::net::TcpStream;

use crate::connect::bind::BindAddresses;
use crate::connect::options::TcpOptions;
use crate::connect::{ConnectError, socket};

/// A socket that connects, or has connected.
pub(crate) struct Connecting {
    address: SocketAddr,
    /// `Some` until the result is returned.
    stream: Option<TcpStream>,
    connected: bool,
}

impl Connecting {
    /// Begins to connect to `address`.
    pub(crate) fn begin(
        address: SocketAddr,
        bind: BindAddresses,
        options: &TcpOptions,
    ) -> Result<Self, ConnectError> {
        let from = bind.for_peer(address.ip())?;
        let socket = socket::new(Domain::for_address(address), Some(Protocol::TCP))
            .map_err(|error| failed("socket", error, address))?;
        options.apply(&socket)?;
        if let Some(from) = from {
            socket
                .bind(&SocketAddr::new(from, 0).into())
                .map_err(|error| {
                    ConnectError::new("bind", error).detail(format!("to {from} for {address}"))
                })?;
        }
        let begun = || {
            // A connection to this machine is mostly established by now, which saves waiting for
            // the reactor.
            let connected = socket::connect(&socket, &address.into())?
                || address.ip().is_loopback() && socket.peer_addr().is_ok();
            Ok((TcpStream::from_std(socket.into())?, connected))
        };
        let (stream, connected) = begun().map_err(|error| failed("connect", error, address))?;
        Ok(Self {
            address,
            stream: Some(stream),
            connected,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ready when the connection is established or has failed.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<TcpStream, ConnectError>> {
        let stream = self.stream.as_ref().expect("nobody polls it again");
        if !self.connected {
            let answered = ready!(stream.poll_write_ready(context))
                .and_then(|()| stream.take_error())
                .and_then(|error| error.map_or(Ok(()), Err));
            if let Err(error) = answered {
                return Poll::Ready(Err(failed("connect", error, self.address)));
            }
        }
        let stream = self.stream.take();
        Poll::Ready(Ok(stream.expect("it was there")))
    }
}

fn failed(function: &'static str, error: io::Error, address: SocketAddr) -> ConnectError {
    ConnectError::new(function, error).detail(address.to_string())
}
