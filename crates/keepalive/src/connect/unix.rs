//! Opening Unix socket connections.

use std::io;

use tokio::net::UnixStream;

use crate::address::Address;
use crate::connect::{Attempt, ConnectError, Phase};

pub(crate) async fn connect(attempt: &Attempt) -> Result<UnixStream, ConnectError> {
    let Address::Path(path) = attempt.host().address() else {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "scheme unix takes a path");
        return Err(ConnectError::new("connect", error));
    };
    attempt.enter(Phase::Connect);
    UnixStream::connect(path)
        .await
        .map_err(|error| ConnectError::new("connect", error).detail(path.display().to_string()))
}
