//! Sockets: creating and connecting them, and the check whether one is still usable.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use socket2::{Domain, Protocol, SockAddr, SockRef};
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::api::address::Address;
use crate::connect::bind::BindAddresses;
use crate::connect::options::TcpOptions;
use crate::connect::platform;
use crate::connect::stream::{Kind, NetStream};
use crate::connect::{Attempt, ConnectError, Phase, Unusable};

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
        let socket = platform::new_socket(Domain::for_address(address), Some(Protocol::TCP))
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
            let connected = connect(&socket, &address.into())?
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

/// Connects to the Unix socket of an attempt's path.
pub(crate) async fn connect_unix(attempt: &Attempt) -> Result<NetStream, ConnectError> {
    let Address::Path(path) = attempt.host().address() else {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "scheme unix takes a path");
        return Err(ConnectError::new("connect", error));
    };
    attempt.enter(Phase::Connect);
    match platform::open_unix(path).await {
        Ok(stream) => Ok(NetStream::new(Kind::Unix(stream), None)),
        Err(error) => Err(ConnectError::new("connect", error).detail(path.display().to_string())),
    }
}

/// Begins to connect. True if the connection is already established.
pub(crate) fn connect(socket: &socket2::Socket, address: &SockAddr) -> io::Result<bool> {
    match socket.connect(address) {
        Ok(()) => Ok(true),
        Err(error) if platform::is_in_progress(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A socket that tokio watches.
pub(crate) trait Socket {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
    fn try_io<R>(&self, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R>;
    /// The socket as the system knows it.
    fn system(&self) -> SockRef<'_>;
}

impl Socket for TcpStream {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_read_ready(context)
    }

    fn try_io<R>(&self, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        Self::try_io(self, Interest::READABLE, operation)
    }

    fn system(&self) -> SockRef<'_> {
        self.into()
    }
}

/// Ready when an idle socket has something to read: an end, an error, or unrequested bytes. Costs
/// no system call until the reactor reports readiness.
pub(crate) fn poll_unusable(socket: &impl Socket, context: &mut Context<'_>) -> Poll<Unusable> {
    loop {
        match socket.poll_readable(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(error)) => return Poll::Ready(Unusable::Failed(error)),
            Poll::Ready(Ok(())) => {}
        }
        // `try_io` clears stale readiness when the system returns "would block".
        if let Some(unusable) = unusable(socket.try_io(|| peek(socket))) {
            return Poll::Ready(unusable);
        }
    }
}

/// Checks with the system whether an idle socket has something to read.
pub(crate) fn check(socket: &impl Socket) -> Result<(), Unusable> {
    loop {
        let peeked = peek(socket);
        if matches!(&peeked, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
            continue;
        }
        return unusable(peeked).map_or(Ok(()), Err);
    }
}

/// Peeks at one byte.
fn peek(socket: &impl Socket) -> io::Result<usize> {
    socket.system().peek(&mut [MaybeUninit::uninit(); 1])
}

fn unusable(peeked: io::Result<usize>) -> Option<Unusable> {
    match peeked {
        Ok(0) => Some(Unusable::Closed),
        Ok(_) => Some(Unusable::UnexpectedData),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => None,
            _ => Some(Unusable::Failed(error)),
        },
    }
}
