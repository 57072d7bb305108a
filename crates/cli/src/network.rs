//! Builds the connector from the flags.

use std::collections::HashSet;
use std::net::IpAddr;

use keepalive::{Families, NetConnector, Proxies, Proxy, ProxyError, Request, TcpOptions};

use crate::args::NetworkFlags;
use crate::console;
use crate::exit::Refusal;
use crate::tls;

/// A host of `--resolve`, with its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    host: String,
    addresses: Vec<IpAddr>,
}

/// Builds the connector, with TLS settings for `https`.
pub(crate) fn with_tls(flags: &NetworkFlags) -> Result<NetConnector, Refusal> {
    let net = net(flags)?;
    if tls::flag(&flags.tls).is_none() {
        // The connector reads the platform's roots when the first https URL needs them.
        return Ok(net);
    }
    Ok(net.tls(tls::build(tls::chosen(&flags.tls)?)?))
}

/// Builds the connector; fails if a host name or a proxy is invalid, or a flag contradicts itself.
pub(crate) fn net(flags: &NetworkFlags) -> Result<NetConnector, Refusal> {
    check_bind(&flags.bind)?;
    let mut options = TcpOptions::new();
    if let Some(name) = &flags.interface {
        options = options.interface(name);
    }
    let mut net = NetConnector::new().tcp(options).families(families(flags));
    if let Some(time) = flags.connect_timeout {
        net = net.connect_timeout(time);
    }
    let mut known = HashSet::new();
    for Resolved { host, addresses } in &flags.resolve {
        let fault = |error| format!("--resolve: {error}");
        let resolved = net.resolve_to_addrs(host, addresses.iter().copied());
        net = resolved.map_err(fault)?;
        if !known.insert(Request::new("tcp", host, 1).map_err(fault)?.host().clone()) {
            return Err(format!(
                "--resolve: {host} is given twice; \
                 write all of its addresses at once, with commas between"
            )
            .into());
        }
    }
    Ok(net.proxy(proxies(flags)?))
}

fn check_bind(addresses: &[IpAddr]) -> Result<(), Refusal> {
    let (v4, v6): (Vec<IpAddr>, _) = addresses.iter().partition(|address| address.is_ipv4());
    for family in [v4, v6] {
        if let [one, other, ..] = family[..] {
            return Err(format!(
                "--bind: {one} and {other} are of one family; give one address of each at most"
            )
            .into());
        }
    }
    Ok(())
}

fn families(flags: &NetworkFlags) -> Families {
    match (flags.ipv4, flags.ipv6) {
        (true, _) => Families::V4,
        (_, true) => Families::V6,
        _ => Families::Both,
    }
}

fn proxies(flags: &NetworkFlags) -> Result<Proxies, ProxyError> {
    let mut proxies = match &flags.proxy {
        Some(url) => url.parse::<Proxy>()?.into(),
        None if flags.proxy_from_environment => from_environment()?,
        None => Proxies::new(),
    };
    if let Some(list) = &flags.no_proxy {
        proxies = proxies.no_proxy(list)?;
    }
    Ok(proxies)
}

fn from_environment() -> Result<Proxies, ProxyError> {
    let proxies = Proxies::from_environment()?;
    for exception in proxies.passed_over() {
        console::complain(format_args!(
            "NO_PROXY: {exception:?} is passed over: it is no name, address or network, nor *"
        ));
    }
    Ok(proxies)
}

/// Parses `host:address,address`; brackets around IPv6 are optional.
pub(crate) fn parse_resolve(text: &str) -> Result<Resolved, String> {
    let (host, list) = text
        .split_once(':')
        .filter(|(host, list)| !host.is_empty() && !list.is_empty())
        .ok_or("write a host, a colon and its addresses, as in example.test:192.0.2.1,::1")?;
    let addresses = list.split(',').map(|part| {
        let bare = part
            .strip_prefix('[')
            .and_then(|part| part.strip_suffix(']'));
        let address = bare.unwrap_or(part).trim().parse();
        address.map_err(|_| format!("{part:?} is no IP address"))
    });
    Ok(Resolved {
        host: host.to_owned(),
        addresses: addresses.collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolve_takes_several_addresses_for_a_host() {
        for text in ["a.test:192.0.2.1,::1", "a.test:192.0.2.1,[::1]"] {
            let resolved = parse_resolve(text).expect(text);
            assert_eq!(resolved.host, "a.test");
            let addresses: Vec<String> =
                resolved.addresses.iter().map(ToString::to_string).collect();
            assert_eq!(addresses, ["192.0.2.1", "::1"]);
        }
    }

    #[test]
    fn resolve_refuses_a_wrong_address_with_the_reason() {
        for (text, said) in [
            ("a.test", "a colon"),
            (":::1", "a colon"),
            ("a.test:", "a colon"),
            ("a.test:80:192.0.2.1", "\"80:192.0.2.1\" is no IP address"),
        ] {
            let error = parse_resolve(text).expect_err(text);
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
