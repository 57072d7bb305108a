//! Addresses of requests: valid ones, and the error for each fault.

use std::net::{Ipv4Addr, Ipv6Addr};

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
            "0X7f.1",
            "a.0x7F",
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
            "fe80::1%a%b",
            "fe80::1%é",
            "fe80::1%4294967296",
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
    for (long, length) in [("abcdefg.".repeat(32), 255), ("a.".repeat(126) + "bb", 254)] {
        assert_error(
            Request::new("http", &long, 80),
            &format!(
                "invalid address {:?}...: it has {length} characters; a host name has at most 253",
                &long[..80]
            ),
        );
    }
}

#[test]
fn valid_addresses_are_parsed() {
    let zoned = |zone: &str| Address::Zoned("fe80::1".parse().unwrap(), zone.into());
    let name = |text: &str| Address::Name(text.into());
    let longest = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(61));
    let dotted = format!("{longest}.");
    for (texts, expected) in [
        (&["127.0.0.1"][..], Address::Ip(Ipv4Addr::LOCALHOST.into())),
        (
            &["::1", "[::1]", "0:0:0:0:0:0:0:1", "[0000::0001]"],
            Address::Ip(Ipv6Addr::LOCALHOST.into()),
        ),
        (
            &["::ffff:127.0.0.1"],
            Address::Ip(Ipv4Addr::LOCALHOST.to_ipv6_mapped().into()),
        ),
        (
            &["fe80::1%eth0", "[FE80::1%eth0]", "[fe80::1%25eth0]"],
            zoned("eth0"),
        ),
        (&["fe80::1%2"], zoned("2")),
        (&["fe80::1%25"], zoned("25")),
        (&["fe80::1%251"], zoned("251")),
        (&["fe80::1%007"], zoned("7")),
        (
            &["example.test", "EXAMPLE.test", "example.TEST."],
            name("example.test"),
        ),
        (&[&longest, &dotted], name(&longest)),
    ] {
        for text in texts {
            let request = Request::new("http", text, 80).unwrap();
            assert_eq!(request.host().address(), &expected, "{text}");
        }
    }
    for text in [
        "localhost",
        "a",
        "-",
        "_srv._tcp.a",
        "_a-b.0xyz",
        "xn--bcher-kva.test",
        "1.a",
        "1.2.3.4.example",
        "0xg",
        "1-2",
    ] {
        let request = Request::new("http", text, 80).unwrap();
        assert_eq!(request.host().address(), &name(text), "{text}");
    }
}
