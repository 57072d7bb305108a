//! Parses and formats hosts with ports (RFC 3986, section 3.2).
//!
//! The crates of the workspace share this module. It is no part of the stable interface.

use std::fmt;
use std::str::FromStr;

use crate::api::address::Address;

/// The fault of a port with a colon in it, which [`split`] leaves there.
pub(crate) const COLONS: &str =
    "more than one ':' was found; an IPv6 address is written in brackets";

/// Splits `host:port`; brackets of an IPv6 address stay with the host.
///
/// The port begins after the first colon behind the brackets. Neither part is checked.
pub fn split(authority: &str) -> (&str, Option<&str>) {
    let after_brackets = authority.rfind(']').unwrap_or(0);
    match authority[after_brackets..].find(':') {
        Some(at) => {
            let (host, port) = authority.split_at(after_brackets + at);
            (host, Some(&port[1..]))
        }
        None => (authority, None),
    }
}

/// Removes user information.
pub fn without_user(authority: &str) -> &str {
    authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
}

/// Parses a number of digits alone; `str::parse` would accept `+80`.
pub fn digits<T: FromStr>(text: &str) -> Option<T> {
    let is_clean = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_clean)
}

/// The default port of a scheme, in upper or lower case.
pub fn default_port(scheme: &str) -> Option<u16> {
    let is = |name| scheme.eq_ignore_ascii_case(name);
    if is("http") || is("ws") {
        Some(80)
    } else if is("https") || is("wss") {
        Some(443)
    } else {
        None
    }
}

/// Displays an address, with brackets around IPv6.
#[derive(Debug)]
pub struct Bracketed<'a>(pub &'a Address);

impl fmt::Display for Bracketed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Address::Ip(ip) if ip.is_ipv6() => write!(f, "[{ip}]"),
            Address::Zoned(..) => write!(f, "[{}]", self.0),
            address => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_split_at_the_first_colon_behind_its_brackets() {
        for (authority, host, port) in [
            ("", "", None),
            ("h", "h", None),
            ("h:", "h", Some("")),
            ("h:1", "h", Some("1")),
            (":1", "", Some("1")),
            ("h:1:2", "h", Some("1:2")),
            ("::1", "", Some(":1")),
            ("127.0.0.1:1", "127.0.0.1", Some("1")),
            ("[::1]", "[::1]", None),
            ("[::1]:", "[::1]", Some("")),
            ("[::1]:1", "[::1]", Some("1")),
            ("[::1]1", "[::1]1", None),
            ("[::1]1:2", "[::1]1", Some("2")),
            ("[::1]:1:2", "[::1]", Some("1:2")),
            ("[fe80::1%eth0]:1", "[fe80::1%eth0]", Some("1")),
            ("[::1", "[", Some(":1")),
            ("ü:1", "ü", Some("1")),
        ] {
            assert_eq!(split(authority), (host, port), "{authority}");
        }
    }

    #[test]
    fn user_information_ends_at_the_last_at_sign() {
        for (authority, host) in [
            ("h:1", "h:1"),
            ("u@h", "h"),
            ("u:p@q@h:1", "h:1"),
            ("@", ""),
        ] {
            assert_eq!(without_user(authority), host, "{authority}");
        }
    }

    #[test]
    fn schemes_of_http_and_websocket_have_a_default_port() {
        for (scheme, port) in [
            ("http", Some(80)),
            ("WS", Some(80)),
            ("Https", Some(443)),
            ("wss", Some(443)),
            ("tcp", None),
            ("", None),
        ] {
            assert_eq!(default_port(scheme), port, "{scheme}");
        }
    }
}
