//! Addresses of requests: valid ones, and the error for each fault.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use keepalive::{Address, Request};

use super::{BRACKETS, NUMBER, assert_error, assert_text};

const COLON: &str =
    "it contains ':' but is not an IPv6 address; scheme and port are separate arguments";

const ZONE: &str = "the zone after '%' must be the number or the name \
                    (letters, digits, '-', '_', '.', '~') of an interface";

const NOT_ASCII: &str = "it is not ASCII; give the ASCII form of the name (punycode, \"xn--...\")";

#[track_caller]
fn assert_address(text: &str, reason: &str) {
    assert_error(
        Request::new("http", text, 80),
        &format!("invalid address {text:?}: {reason}"),
    );
}

#[test]
fn an_empty_address_is_an_error() {
    let reason = "it is empty; give an IP address or a host name";
    assert_address("", reason);
    assert_text("http://", &format!("invalid address \"\": {reason}"));
    assert_text("http://:80", &format!("invalid address \"\": {reason}"));
}

/// Addresses by the reason why they are none.
const FAULTS: [(&str, &[&str]); 5] = [
    (
        NUMBER,
        &[
            "256.1.1.1",
            "127.1",
            "1",
            "0",
            "1.",
            "0x7f.1",
            "127.0.0.0x1",
            "0x",
            "1.2.3.4.5",
            "1.2.3",
            "127.0.0.01",
            "127.0.0.1.",
            "2130706433",
            "example.1",
        ],
    ),
    (
        COLON,
        &[
            "127.1:80",
            "127.0.0.1:80",
            "host:80",
            ":",
            ":80",
            "::1]",
            "1::2::3",
            "::g",
        ],
    ),
    (
        BRACKETS,
        &[
            "[",
            "[]",
            "[::1",
            "[::1]:80",
            "[[::1]]",
            "[127.0.0.1]",
            "[localhost]",
        ],
    ),
    (
        ZONE,
        &[
            "fe80::1%",
            "[fe80::1%]",
            "fe80::1%et h0",
            "fe80::1%eth0:80",
            "fe80::1%99999999999",
        ],
    ),
    (
        NOT_ASCII,
        &[
            "exämple.test",
            "例え.test",
            "example。test",
            "１２７.0.0.1",
            "a\u{200b}b",
        ],
    ),
];

#[test]
fn an_address_of_no_form_is_an_error_with_its_reason() {
    for (reason, texts) in FAULTS {
        for text in texts {
            assert_address(text, reason);
        }
    }
    assert_error(
        Request::new("http", "http://example.test", 80),
        &format!("invalid address \"http://example.test\": {COLON}"),
    );
    assert_address(
        "127.0.0.1%eth0",
        "'%' is not allowed; a host name has letters, digits, '-', '_' and '.' only",
    );
}

#[test]
fn a_character_that_no_name_has_is_an_error() {
    for (text, found) in [
        ("a b", "' '"),
        (" example.test", "' '"),
        ("example.test\n", r"'\n'"),
        ("a\0b", r"'\0'"),
        ("a\u{7f}", r"'\u{7f}'"),
        ("*.example.test", "'*'"),
        ("a\"b", "'\"'"),
        ("a]", "']'"),
    ] {
        let reason = "is not allowed; a host name has letters, digits, '-', '_' and '.' only";
        assert_address(text, &format!("{found} {reason}"));
    }
}

#[test]
fn a_name_of_the_wrong_length_is_an_error() {
    let empty = "a part between dots is empty; each has 1 to 63 characters";
    for text in [".", "..", ".a", "a..b", "a.."] {
        assert_address(text, empty);
    }
    assert_address(
        &"a".repeat(64),
        "a part between dots has 64 characters; each has 1 to 63",
    );
    let long = "abcdefg.".repeat(32);
    assert_error(
        Request::new("http", &long, 80),
        &format!(
            "invalid address {:?}...: it has 255 characters; a host name has at most 253",
            &long[..80]
        ),
    );
}

#[test]
fn valid_addresses_are_parsed() {
    let address = |text: &str| {
        Request::new("http", text, 80)
            .unwrap()
            .host()
            .address()
            .clone()
    };
    let link_local: Ipv6Addr = "fe80::1".parse().unwrap();
    assert_eq!(
        address("127.0.0.1"),
        Address::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST))
    );
    for text in ["::1", "[::1]", "0:0:0:0:0:0:0:1", "[0000::0001]"] {
        assert_eq!(
            address(text),
            Address::Ip(IpAddr::V6(Ipv6Addr::LOCALHOST)),
            "{text}"
        );
    }
    for text in ["fe80::1%eth0", "[FE80::1%eth0]", "[fe80::1%25eth0]"] {
        assert_eq!(
            address(text),
            Address::Zoned(link_local, "eth0".into()),
            "{text}"
        );
    }
    assert_eq!(address("fe80::1%2"), Address::Zoned(link_local, "2".into()));
    assert_eq!(
        address("fe80::1%25"),
        Address::Zoned(link_local, "25".into())
    );
    for text in ["example.test", "EXAMPLE.test", "example.TEST."] {
        assert_eq!(
            address(text),
            Address::Name("example.test".into()),
            "{text}"
        );
    }
    for text in [
        "localhost",
        "a",
        "-",
        "_srv._tcp.a",
        "xn--bcher-kva.test",
        "1.a",
        "0xg",
        "1-2",
    ] {
        assert_eq!(address(text), Address::Name(text.into()), "{text}");
    }
    assert_ne!(address("::ffff:127.0.0.1"), address("127.0.0.1"));
}
