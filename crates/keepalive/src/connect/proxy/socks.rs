//! Connections through SOCKS 5 proxies (RFC 1928, RFC 1929).

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::{Credentials, read, read_into};
use crate::api::address::Address;
use crate::connect::platform::errno;

/// Requests a connection to `target` from the proxy.
pub(super) async fn open(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    target: &Address,
    port: u16,
    credentials: Option<&Credentials>,
) -> io::Result<()> {
    let request = request(target, port)?;
    log_in(stream, credentials).await?;
    stream.write_all(&request).await?;
    stream.flush().await?;
    let [version, reply, _, kind] = read(stream).await?;
    // A proxy that refuses may omit the rest.
    if version != VERSION || reply != 0 {
        return Err(refusal(version, reply));
    }
    // The proxy's own address and port are not needed.
    let length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => {
            let [length] = read(stream).await?;
            usize::from(length)
        }
        _ => return Err(invalid(&format!("an address of type {kind}"))),
    };
    let mut bound = [0; 255 + 2];
    read_into(stream, &mut bound[..length + 2]).await
}

/// Negotiates the authentication method, and sends the credentials if the proxy requires them (RFC
/// 1929).
async fn log_in(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    credentials: Option<&Credentials>,
) -> io::Result<()> {
    let offered: &[u8] = match credentials {
        None => &[VERSION, 1, ANYBODY],
        Some(_) => &[VERSION, 2, ANYBODY, PASSWORD],
    };
    stream.write_all(offered).await?;
    stream.flush().await?;
    let [version, method] = read(stream).await?;
    match (version, method, credentials) {
        (VERSION, ANYBODY, _) => Ok(()),
        (VERSION, PASSWORD, Some(Credentials { user, password })) => {
            let mut message = vec![1];
            for text in [user, password] {
                // A password may be empty: RFC 1929 requires one byte at least, but clients and
                // proxies do not.
                message.push(u8::try_from(text.len()).expect("it was checked"));
                message.extend_from_slice(text.as_bytes());
            }
            stream.write_all(&message).await?;
            stream.flush().await?;
            match read(stream).await? {
                [_, 0] => Ok(()),
                _ => Err(denied("the proxy did not take the credentials")),
            }
        }
        (VERSION, NOTHING, None) => Err(denied("the proxy wants credentials")),
        (VERSION, NOTHING, Some(_)) => Err(denied("the proxy takes no user and password")),
        (VERSION, other, _) => Err(invalid(&format!("a way to log in of number {other}"))),
        (other, ..) => Err(invalid(&format!("a first byte of {other}"))),
    }
}

fn request(target: &Address, port: u16) -> io::Result<Vec<u8>> {
    let mut request = vec![VERSION, CONNECT, 0];
    match target {
        Address::Ip(IpAddr::V4(ip)) => {
            request.push(IPV4);
            request.extend(ip.octets());
        }
        Address::Ip(IpAddr::V6(ip)) => {
            request.push(IPV6);
            request.extend(ip.octets());
        }
        Address::Name(name) => {
            request.push(NAME);
            request.push(u8::try_from(name.len()).expect("names are shorter"));
            request.extend(name.as_bytes());
        }
        other => {
            let error = format!("{other} means something on this machine alone");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
        }
    }
    request.extend(port.to_be_bytes());
    Ok(request)
}

/// The error in the proxy's reply; the system's error if there is one of the same meaning.
fn refusal(version: u8, reply: u8) -> io::Error {
    let number = match reply {
        _ if version != VERSION => return invalid(&format!("a first byte of {version}")),
        2 => return denied("the proxy does not allow it"),
        3 => errno::ENETUNREACH,
        4 => errno::EHOSTUNREACH,
        5 => errno::ECONNREFUSED,
        6 => errno::ETIMEDOUT,
        7 => return io::Error::other("the proxy does not know CONNECT"),
        8 => return io::Error::other("the proxy takes no address of this kind"),
        other => return io::Error::other(format!("the proxy failed, with reply {other}")),
    };
    io::Error::from_raw_os_error(number)
}

fn denied(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

fn invalid(what: &str) -> io::Error {
    let error = format!("the proxy's answer is not SOCKS 5: it has {what}");
    io::Error::new(io::ErrorKind::InvalidData, error)
}

const VERSION: u8 = 5;
const CONNECT: u8 = 1;

// Authentication methods.
const ANYBODY: u8 = 0;
const PASSWORD: u8 = 2;
const NOTHING: u8 = 0xff;

// Kinds of addresses.
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
