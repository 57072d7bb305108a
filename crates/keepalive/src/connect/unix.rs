//! Opens Unix socket connections.

use std::future::poll_fn;
use std::io;
use std::path::Path;

use socket2::{Domain, SockAddr};
use tokio::net::UnixStream;

use crate::api::address::Address;
use crate::connect::{Attempt, ConnectError, Phase, socket};

pub(crate) async fn connect(attempt: &Attempt) -> Result<UnixStream, ConnectError> {
    let Address::Path(path) = attempt.host().address() else {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "scheme unix takes a path");
        return Err(ConnectError::new("connect", error));
    };
    attempt.enter(Phase::Connect);
    open(path)
        .await
        .map_err(|error| ConnectError::new("connect", error).detail(path.display().to_string()))
}

async fn open(path: &Path) -> io::Result<UnixStream> {
    let socket = socket::new(Domain::UNIX, None)?;
    // This also saves waiting for the reactor, except on systems that return `EINPROGRESS`.
    let connected = socket::connect(&socket, &SockAddr::unix(path)?)?;
    let stream = UnixStream::from_std(socket.into())?;
    if !connected {
        poll_fn(|context| stream.poll_write_ready(context)).await?;
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
    }
    Ok(stream)
}
