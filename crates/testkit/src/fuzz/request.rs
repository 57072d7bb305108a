//! Parses texts as requests and addresses (R2, R3).

use std::net::{IpAddr, Ipv6Addr};

use keepalive::{Address, Request};

/// The bytes are a text; the first two are also a port.
pub fn request(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match text.parse::<Request>() {
        Ok(request) => {
            let shown = request.host().to_string();
            let again: Request = shown.parse().expect("what is printed is read");
            assert_eq!(again.host(), request.host(), "{text:?} is {shown:?}");
        }
        Err(error) => check_message(&error.to_string(), text),
    }
    check_address(text);
    check_port(bytes);
}

/// A message names the input, cut to a bounded length, without the part before an '@'.
fn check_message(message: &str, text: &str) {
    // Every character may be escaped, as `\u{10ffff}`.
    assert!(message.len() < 80 * 12 + 300, "{message}");
    let secret = text
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('@'));
    if let Some((secret, _)) = secret
        && secret.len() > 8
        && secret.bytes().all(|byte| byte.is_ascii_digit())
    {
        assert!(!message.contains(&format!("{secret}@")), "{message}");
    }
}

fn check_address(text: &str) {
    let accepted = Request::new("tcp", text, 80);
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .filter(|inner| inner.parse::<Ipv6Addr>().is_ok());
    if let Ok(ip) = bare.unwrap_or(text).parse::<IpAddr>() {
        let request = accepted.expect("a numeric address");
        assert_eq!(request.host().address(), &Address::Ip(ip));
        return;
    }
    let Ok(request) = accepted else { return };
    let shown = request.host().address().to_string();
    match request.host().address() {
        Address::Zoned(..) => assert!(shown.contains('%')),
        Address::Name(name) => {
            let last = name.rsplit('.').next().unwrap_or_default();
            let number = last.parse::<u128>().is_ok() && !last.starts_with('+');
            assert!(!number, "R3: {name:?} looks like a number");
            assert!(name.len() <= 253 && !name.contains(|c: char| c.is_ascii_uppercase()));
        }
        other => panic!("{text:?} is no {other:?}"),
    }
    let again = Request::new("tcp", &shown, 80).expect("what is printed is read");
    assert_eq!(again.host(), request.host());
}

fn check_port(bytes: &[u8]) {
    if let [a, b, c, ..] = *bytes {
        let port = i32::from_le_bytes([a, b, c % 3, 0]) - 65_536;
        let accepted = Request::new("tcp", "h.test", port).is_ok();
        assert_eq!(accepted, (1..=65_535).contains(&port), "port {port}");
    }
}
