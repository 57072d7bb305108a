//! The address of a connection: a numeric address, a name to resolve, or the path of a unix socket.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

// `sun_path` has 108 bytes on Linux, one of them for the final NUL.
const MAX_PATH: usize = 107;
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// The address of a [`Host`](crate::Host), in the one form that all its spellings share.
///
/// `::1` and `0:0:0:0:0:0:0:1` are equal, and so are `Example.test.` and `example.test`. An
/// IPv4-mapped IPv6 address such as `::ffff:127.0.0.1` stays IPv6 and differs from `127.0.0.1`.
///
/// # Examples
///
/// ```
/// use keepalive::{Address, Request};
///
/// let request = Request::new("http", "Example.test.", 80)?;
/// assert_eq!(request.host().address(), &Address::Name("example.test".into()));
///
/// let request = Request::new("http", "[::1]", 80)?;
/// assert_eq!(request.host().address().to_string(), "::1");
/// # Ok::<(), keepalive::RequestError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A numeric address; nothing is resolved.
    Ip(IpAddr),
    /// An IPv6 address with its zone, the number or name of an interface, as in `fe80::1%eth0`.
    Zoned(Ipv6Addr, Box<str>),
    /// A host name, in lower case and without a trailing dot.
    Name(Box<str>),
    /// The path of a unix socket.
    Path(Box<Path>),
}

impl Address {
    /// Reads a numeric address or a host name (R3).
    pub(crate) fn parse(text: &str) -> Result<Self, AddressFault> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(AddressFault::Brackets)?;
            parse_v6(inner, AddressFault::Brackets)
        } else if text.contains(':') {
            parse_v6(text, AddressFault::Colon)
        } else if let Ok(ip) = text.parse::<Ipv4Addr>() {
            Ok(Self::Ip(ip.into()))
        } else {
            parse_name(text)
        }
    }

    /// Takes the path of a unix socket.
    pub(crate) fn from_path(path: &Path) -> Result<Self, AddressFault> {
        let bytes = path.as_os_str().as_encoded_bytes();
        if bytes.is_empty() {
            Err(AddressFault::PathEmpty)
        } else if bytes.contains(&0) {
            Err(AddressFault::PathNul)
        } else if bytes.len() > MAX_PATH {
            Err(AddressFault::PathTooLong(bytes.len()))
        } else {
            Ok(Self::Path(path.into()))
        }
    }
}

/// Writes the address alone: no brackets, no port.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Zoned(ip, zone) => write!(f, "{ip}%{zone}"),
            Self::Name(name) => f.write_str(name),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

/// Why a text is not an address; the message continues a sentence about the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressFault {
    #[error("it is empty; give an IP address or a host name")]
    Empty,
    #[error(
        "brackets go around one whole IPv6 address, as in \"[::1]\"; \
         the port is a separate argument"
    )]
    Brackets,
    #[error("it contains ':' but is not an IPv6 address; scheme and port are separate arguments")]
    Colon,
    #[error(
        "the zone after '%' must be the number or the name \
         (letters, digits, '-', '_', '.', '~') of an interface"
    )]
    Zone,
    #[error(
        "it looks like a number but is not an IPv4 address: \
         four decimal numbers from 0 to 255, as in 127.0.0.1"
    )]
    Number,
    #[error("it is not ASCII; give the ASCII form of the name (punycode, \"xn--...\")")]
    NotAscii,
    #[error("{0:?} is not allowed; a host name has letters, digits, '-', '_' and '.' only")]
    Character(char),
    #[error("a part between dots is empty; each has 1 to {MAX_LABEL} characters")]
    LabelEmpty,
    #[error("a part between dots has {0} characters; each has 1 to {MAX_LABEL}")]
    LabelTooLong(usize),
    #[error("it has {0} characters; a host name has at most {MAX_NAME}")]
    NameTooLong(usize),
    #[error("it is empty; give the path of a unix socket")]
    PathEmpty,
    #[error("it contains a NUL byte, which no path can")]
    PathNul,
    #[error("it has {0} bytes; the path of a unix socket has at most {MAX_PATH}")]
    PathTooLong(usize),
}

fn parse_v6(text: &str, otherwise: AddressFault) -> Result<Address, AddressFault> {
    let (ip, zone) = match text.split_once('%') {
        Some((ip, zone)) => (ip, Some(zone)),
        None => (text, None),
    };
    let ip: Ipv6Addr = ip.parse().map_err(|_| otherwise)?;
    Ok(match zone {
        Some(zone) => Address::Zoned(ip, parse_zone(zone)?),
        None => Address::Ip(ip.into()),
    })
}

fn parse_zone(text: &str) -> Result<Box<str>, AddressFault> {
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    // A zone of digits alone is the number of an interface (RFC 9844; `SocketAddrV6` prints it so):
    // `%251` is 251. Before other text, "%25" is the escaped '%' of a URL (RFC 6874).
    let zone = match text.strip_prefix("25") {
        Some(rest) if !is_number(rest) => rest,
        _ => text,
    };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    if zone.is_empty() || !zone.bytes().all(allowed) {
        return Err(AddressFault::Zone);
    }
    if is_number(zone) {
        let number: u32 = zone.parse().map_err(|_| AddressFault::Zone)?;
        return Ok(number.to_string().into());
    }
    Ok(zone.into())
}

fn parse_name(text: &str) -> Result<Address, AddressFault> {
    if text.is_empty() {
        return Err(AddressFault::Empty);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if let Some(c) = text.chars().find(|&c| !allowed(c)) {
        return Err(if c.is_ascii() {
            AddressFault::Character(c)
        } else {
            AddressFault::NotAscii
        });
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    // A resolver may read these as numbers in the manner of inet_aton: to many, `127.1` is
    // 127.0.0.1.
    if name.rsplit('.').next().is_some_and(is_numeric) {
        return Err(AddressFault::Number);
    }
    if name.len() > MAX_NAME {
        return Err(AddressFault::NameTooLong(name.len()));
    }
    for label in name.split('.') {
        match label.len() {
            0 => return Err(AddressFault::LabelEmpty),
            1..=MAX_LABEL => {}
            length => return Err(AddressFault::LabelTooLong(length)),
        }
    }
    Ok(Address::Name(name.to_ascii_lowercase().into()))
}

fn is_numeric(label: &str) -> bool {
    match label
        .strip_prefix("0x")
        .or_else(|| label.strip_prefix("0X"))
    {
        Some(hex) => hex.bytes().all(|b| b.is_ascii_hexdigit()),
        None => !label.is_empty() && label.bytes().all(|b| b.is_ascii_digit()),
    }
}
