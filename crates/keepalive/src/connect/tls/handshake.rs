//! The handshake on an open socket.

use std::fmt::Display;
use std::io;

use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use crate::api::address::Address;
use crate::connect::ConnectError;
use crate::connect::tls::error;
use crate::connect::tls::settings::Tls;
use crate::connect::tls::stream::TlsStream;
use crate::connect::tls::turns::Turns;
use crate::connect::wire::Wire;

/// The application protocols to offer.
#[derive(Clone, Copy)]
pub(crate) enum Offered {
    /// These, unless the settings name others.
    Usually(&'static [&'static [u8]]),
    /// These, whatever the settings name.
    #[cfg(feature = "proxy")]
    Only(&'static [&'static [u8]]),
}

/// Encrypts `wire`, which leads to `place`, and verifies that its peer is `name`.
pub(crate) async fn connect(
    place: &(dyn Display + Sync),
    tls: &Tls,
    offered: Offered,
    turns: &Turns,
    name: ServerName<'static>,
    wire: Wire,
) -> Result<TlsStream, ConnectError> {
    let peer = wire.socket().peer_addr().ok();
    let failed = |error| error::of_handshake(error, place, peer);
    let config = tls.config();
    let names = |names: &[&[u8]]| names.iter().map(|name| name.to_vec()).collect();
    let alpn: Vec<_> = match (offered, &*config.alpn_protocols) {
        (Offered::Usually(protocols), []) => names(protocols),
        (Offered::Usually(_), chosen) => chosen.to_vec(),
        #[cfg(feature = "proxy")]
        (Offered::Only(protocols), _) => names(protocols),
    };
    let connector = TlsConnector::from(config);
    // The session computes on creation, so it is created within the future.
    let handshake = async { connector.with_alpn(alpn.clone()).connect(name, wire).await };
    let stream = turns.take(handshake).await.map_err(failed)?;
    Ok(TlsStream::new(stream, alpn))
}

/// The name that the certificate of a host at `address` must be valid for. Names are sent to the
/// peer, addresses are not.
pub(crate) fn server_name(address: &Address) -> Result<ServerName<'static>, ConnectError> {
    let fault = match address {
        Address::Ip(ip) => return Ok(ServerName::IpAddress((*ip).into())),
        Address::Zoned(ip, _) => return Ok(ServerName::IpAddress((*ip).into())),
        Address::Name(name) => match ServerName::try_from(name.to_string()) {
            Ok(name) => return Ok(name),
            Err(_) => "no certificate can be valid for this name",
        },
        Address::Path(_) => "TLS needs a name or an address, not a path",
    };
    let error = io::Error::new(io::ErrorKind::InvalidInput, fault);
    Err(ConnectError::new("tls", error).detail(address.to_string()))
}
