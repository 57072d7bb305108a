//! The handshake on an open socket.

use std::io;

use keepalive_engine::planted;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::address::Address;
use crate::connect::tls::error;
use crate::connect::tls::settings::Tls;
use crate::connect::tls::stream::TlsStream;
use crate::connect::tls::turns::Turns;
use crate::connect::{Attempt, ConnectError, Phase};
use crate::host::Host;

/// Encrypts `socket`, which is open to the host of `attempt`, and verifies that its peer is
/// `name`.
pub(crate) async fn connect(
    attempt: &Attempt,
    tls: &Tls,
    turns: &Turns,
    name: ServerName<'static>,
    socket: TcpStream,
) -> Result<TlsStream, ConnectError> {
    attempt.enter(Phase::Tls);
    let peer = socket.peer_addr().ok();
    let failed = |error| error::of_handshake(error, attempt.host(), peer);
    let config = tls.config();
    let alpn = match &*config.alpn_protocols {
        [] => attempt
            .protocols()
            .iter()
            .map(|name| name.to_vec())
            .collect(),
        chosen => chosen.to_vec(),
    };
    let connector = TlsConnector::from(config);
    // The session computes as soon as it is made.
    let handshake = async {
        let handshake = connector.with_alpn(alpn.clone()).connect(name, socket);
        if planted!(HandshakeOutlivesRequest) {
            return tokio::spawn(handshake).await.map_err(io::Error::other)?;
        }
        handshake.await
    };
    let stream = turns.take(handshake).await.map_err(failed)?;
    Ok(TlsStream::new(stream, alpn))
}

/// Whom the certificate of `host` must be valid for. Names are sent to the peer, addresses are
/// not.
pub(crate) fn server_name(host: &Host) -> Result<ServerName<'static>, ConnectError> {
    let fault = match host.address() {
        Address::Ip(ip) => return Ok(ServerName::IpAddress((*ip).into())),
        Address::Zoned(ip, _) => return Ok(ServerName::IpAddress((*ip).into())),
        Address::Name(name) => match ServerName::try_from(name.to_string()) {
            Ok(name) => return Ok(name),
            Err(_) => "no certificate can be valid for this name",
        },
        Address::Path(_) => "TLS needs a name or an address, not a path",
    };
    let error = io::Error::new(io::ErrorKind::InvalidInput, fault);
    Err(ConnectError::new("tls", error).detail(host.address().to_string()))
}
