//! Parses the server to probe: a URL, a scheme with host and port, or a unix socket.

use std::borrow::Cow;

use keepalive::{Request, RequestError, authority};

/// Schemes with TLS from the first byte.
const TLS: &str = "https wss tls ssl amqps coaps+tcp dot ftps h2 imaps ircs ldaps mqtts natss nntps \
                   pop3s rediss rtsps sips smtps submissions telnets";

pub(crate) fn parse(text: &str) -> Result<Request, TargetError> {
    let scheme = text.split(':').next().unwrap_or_default();
    if scheme.eq_ignore_ascii_case("unix") {
        return Ok(text.parse()?);
    }
    let (scheme, rest) = text.split_once("://").ok_or(TargetError::NoScheme)?;
    // A probe needs no path.
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if authority.contains('@') {
        return Err(TargetError::UserInformation);
    }
    Ok(format!("{scheme}://{}", in_ascii(authority)?).parse()?)
}

/// Whether a scheme, in lower case, means TLS.
pub(crate) fn is_tls(scheme: &str) -> bool {
    TLS.split(' ').any(|known| known == scheme)
}

/// The application protocols that most clients of a scheme offer.
pub(crate) fn usual_protocols(scheme: &str) -> &'static [&'static str] {
    match scheme {
        "https" => &["h2", "http/1.1"],
        "wss" => &["http/1.1"],
        "h2" => &["h2"],
        _ => &[],
    }
}

/// The authority, with a name outside ASCII in its ASCII form (UTS 46).
fn in_ascii(authority: &str) -> Result<Cow<'_, str>, TargetError> {
    if authority.is_ascii() {
        return Ok(authority.into());
    }
    let (name, port) = authority::split(authority);
    let name = idna::domain_to_ascii(name).map_err(|_| TargetError::Name)?;
    Ok(match port {
        Some(port) => format!("{name}:{port}").into(),
        None => name.into(),
    })
}

/// The text is no server to probe. No message repeats a password in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    #[error(
        "no scheme and host in it; write https://host, tcp://host:port, tls://host:port or \
         unix:/path"
    )]
    NoScheme,
    #[error("leave out user name and password: a probe says nothing to the server")]
    UserInformation,
    #[error("the name of the host is none that IDNA allows (UTS 46)")]
    Name,
    #[error("{0}")]
    Host(#[from] RequestError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_takes_a_url_a_host_with_its_port_or_a_socket() {
        for (text, host, tls) in [
            ("http://H.test", "http://h.test:80", false),
            ("https://h.test/a?b#c", "https://h.test:443", true),
            ("tcp://[::1]:9", "tcp://[::1]:9", false),
            ("TLS://h.test:9", "tls://h.test:9", true),
            ("redis://h.test:6379/0", "redis://h.test:6379", false),
            ("imaps://h.test:993", "imaps://h.test:993", true),
            (
                "https://bücher.test/ä",
                "https://xn--bcher-kva.test:443",
                true,
            ),
            ("tls://bücher:9", "tls://xn--bcher-kva:9", true),
            ("unix:///run/x.sock", "unix:/run/x.sock", false),
            ("Unix:/run/x.sock", "unix:/run/x.sock", false),
        ] {
            let target = parse(text).expect(text);
            assert_eq!(target.host().to_string(), host);
            assert_eq!(is_tls(target.host().scheme()), tls, "{text}");
        }
    }

    #[test]
    fn a_wrong_target_of_a_probe_is_refused_with_the_reason() {
        for (text, said) in [
            ("", "no scheme"),
            ("h.test:80", "no scheme"),
            ("tcp://h.test", "no port"),
            ("redis://:secret@h.test:1", "password"),
            ("tcp://h.test:0", "port"),
            ("tcp://", "no port"),
            ("tcp://\u{fffd}:1", "IDNA"),
            ("unix:", "empty"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(said), "{text}: {error}");
            assert!(!error.contains("secret"), "{text}: {error}");
        }
    }
}
