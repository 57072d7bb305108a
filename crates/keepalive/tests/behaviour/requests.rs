//! Every rule about the parts of a request (R1 to R3): accepted values, and the text of each error.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use keepalive::{Address, Host, Request, RequestError};

const COLON: &str =
    "it contains ':' but is not an IPv6 address; scheme and port are separate arguments";

const BRACKETS: &str =
    "brackets go around one whole IPv6 address, as in \"[::1]\"; the port is a separate argument";

const ZONE: &str = "the zone after '%' must be the number or the name \
                    (letters, digits, '-', '_', '.', '~') of an interface";

const NUMBER: &str = "it looks like a number but is not an IPv4 address: \
                      four decimal numbers from 0 to 255, as in 127.0.0.1";

const NOT_ASCII: &str = "it is not ASCII; give the ASCII form of the name (punycode, \"xn--...\")";

const SCHEME: &str = "a scheme is a letter followed by letters, digits, '+', '-', '.' or '_'";

const PORT: &str = "a port is a number from 1 to 65535";

const FORM: &str = "expected the form \"scheme://address:port\" or \"unix:/path\"";

#[track_caller]
fn assert_error(result: Result<Request, RequestError>, expected: &str) {
    match result {
        Ok(request) => panic!("accepted as {}, expected: {expected}", request.host()),
        Err(error) => assert_eq!(error.to_string(), expected),
    }
}

#[track_caller]
fn assert_address(text: &str, reason: &str) {
    assert_error(
        Request::new("http", text, 80),
        &format!("invalid address {text:?}: {reason}"),
    );
}

#[track_caller]
fn assert_text(text: &str, expected: &str) {
    assert_error(text.parse(), expected);
}

fn host(text: &str) -> Host {
    let request: Request = text.parse().expect("a good request");
    request.host().clone()
}

#[test]
fn an_empty_address_is_an_error() {
    let reason = "it is empty; give an IP address or a host name";
    assert_address("", reason);
    assert_text("http://", &format!("invalid address \"\": {reason}"));
    assert_text("http://:80", &format!("invalid address \"\": {reason}"));
}

#[test]
fn numbers_that_are_no_address_are_an_error() {
    for text in [
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
    ] {
        assert_address(text, NUMBER);
    }
}

#[test]
fn a_colon_outside_ipv6_is_an_error() {
    for text in [
        "127.1:80",
        "127.0.0.1:80",
        "host:80",
        ":",
        ":80",
        "::1]",
        "1::2::3",
        "::g",
    ] {
        assert_address(text, COLON);
    }
    assert_error(
        Request::new("http", "http://example.test", 80),
        &format!("invalid address \"http://example.test\": {COLON}"),
    );
}

#[test]
fn brackets_around_other_things_than_ipv6_are_an_error() {
    for text in [
        "[",
        "[]",
        "[::1",
        "[::1]:80",
        "[[::1]]",
        "[127.0.0.1]",
        "[localhost]",
    ] {
        assert_address(text, BRACKETS);
    }
}

#[test]
fn an_invalid_zone_is_an_error() {
    for text in [
        "fe80::1%",
        "[fe80::1%]",
        "fe80::1%et h0",
        "fe80::1%eth0:80",
        "fe80::1%99999999999",
    ] {
        assert_address(text, ZONE);
    }
    assert_address(
        "127.0.0.1%eth0",
        "'%' is not allowed; a host name has letters, digits, '-', '_' and '.' only",
    );
}

#[test]
fn a_name_that_is_not_ascii_is_an_error() {
    for text in [
        "exämple.test",
        "例え.test",
        "example。test",
        "１２７.0.0.1",
        "a\u{200b}b",
    ] {
        assert_address(text, NOT_ASCII);
    }
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
fn long_input_is_cut_in_errors() {
    for text in [
        "1".repeat(100_000),
        "é".repeat(100_000),
        ":".repeat(100_000),
    ] {
        for result in [
            Request::new("http", &text, 80),
            Request::new(&text, "127.0.0.1", 80),
            Request::unix(&text),
            text.parse(),
            format!("http://host:{text}").parse(),
        ] {
            let message = result.unwrap_err().to_string();
            assert!(message.contains("\"...: "), "{message}");
            assert!(message.chars().count() < 250, "{message}");
        }
    }
}

#[test]
fn invalid_schemes_are_an_error() {
    for text in [
        "", "1http", "+a", "_a", "ht tp", "http:", "http://", "a\n", "é", "a/b", " http",
    ] {
        assert_error(
            Request::new(text, "127.0.0.1", 80),
            &match text {
                "a/b" => format!("invalid scheme \"a/***\": {SCHEME}"),
                _ => format!("invalid scheme {text:?}: {SCHEME}"),
            },
        );
    }
    assert_text("://host:80", &format!("invalid scheme \"\": {SCHEME}"));
    assert_text(
        " http://host:80",
        &format!("invalid scheme \" http\": {SCHEME}"),
    );
    for text in ["http", "git+ssh", "a.b-c_d", "x1"] {
        assert!(Request::new(text, "127.0.0.1", 80).is_ok(), "{text}");
    }
}

#[test]
fn a_port_out_of_range_is_an_error() {
    for port in [0, -1, 65536, 70000, i32::MIN, i32::MAX] {
        assert_error(
            Request::new("http", "127.0.0.1", port),
            &format!("invalid port {port}: {PORT}"),
        );
    }
    assert_error(
        Request::new("http", "::1", 0_u16),
        &format!("invalid port 0: {PORT}"),
    );
    assert_error(
        Request::new("http", "::1", u64::MAX),
        &format!("invalid port 18446744073709551615: {PORT}"),
    );
    assert_error(
        Request::new("http", "::1", i128::MIN),
        &format!("invalid port {}: {PORT}", i128::MIN),
    );
    for port in ["", "0", "65536", "-1", "+80", "80 ", "x", "8\n", "８０"] {
        assert_text(
            &format!("http://host:{port}"),
            &format!("invalid port {port:?}: {PORT}"),
        );
    }
}

#[test]
fn a_port_that_cannot_be_printed_is_an_error() {
    #[derive(Clone, Copy)]
    struct Port;
    impl TryFrom<Port> for u16 {
        type Error = ();
        fn try_from(_: Port) -> Result<Self, ()> {
            Err(())
        }
    }
    impl std::fmt::Display for Port {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            Err(std::fmt::Error)
        }
    }
    assert_error(
        Request::new("http", "::1", Port),
        &format!("invalid port : {PORT}"),
    );
}

#[test]
fn every_integer_is_a_port() {
    for port in [
        Request::new("http", "::1", 80),
        Request::new("http", "::1", 80_u8),
        Request::new("http", "::1", 80_u16),
        Request::new("http", "::1", 80_u32),
        Request::new("http", "::1", 80_u64),
        Request::new("http", "::1", 80_usize),
        Request::new("http", "::1", 80_i64),
    ] {
        assert_eq!(port.unwrap().port(), 80);
    }
    assert_eq!(Request::new("http", "::1", 1).unwrap().port(), 1);
    assert_eq!(Request::new("http", "::1", 65535).unwrap().port(), 65535);
}

#[test]
fn invalid_unix_paths_are_an_error() {
    assert_error(
        Request::unix(""),
        "invalid path \"\": it is empty; give the path of a unix socket",
    );
    assert_text(
        "unix:",
        "invalid path \"\": it is empty; give the path of a unix socket",
    );
    assert_error(
        Request::unix("/a\0b"),
        r#"invalid path "/a\0b": it contains a NUL byte, which no path can"#,
    );
    let long = format!("/{}", "é".repeat(54));
    assert_error(
        Request::unix(&long),
        &format!(
            "invalid path {long:?}: it has 109 bytes; the path of a unix socket has at most 107"
        ),
    );
    assert!(Request::unix("a".repeat(107)).is_ok());
    assert_error(
        Request::unix("a".repeat(108)),
        &format!(
            "invalid path {:?}...: it has 108 bytes; the path of a unix socket has at most 107",
            "a".repeat(80)
        ),
    );
    for port in [80, -1, 70000] {
        assert_error(
            Request::new("UNIX", "/run/x.sock", port),
            &format!("invalid port {port}: a unix socket has no port; give 0"),
        );
    }
    assert_text(
        "unix://run/x.sock",
        &format!("invalid request \"unix://run/***\": {FORM}"),
    );
}

#[test]
fn unix_requests_have_a_path_and_no_port() {
    let request = Request::unix("/run/x.sock").unwrap();
    assert_eq!(
        (request.scheme(), request.address(), request.port()),
        ("unix", "/run/x.sock", 0)
    );
    assert_eq!(
        request.host().address(),
        &Address::Path(Path::new("/run/x.sock").into())
    );
    assert_eq!(request.host().to_string(), "unix:/run/x.sock");
    for same in [
        "unix:/run/x.sock",
        "unix:///run/x.sock",
        "UNIX:/run//x.sock",
    ] {
        assert_eq!(&host(same), request.host(), "{same}");
    }
    assert_eq!(
        Request::new("Unix", "/run/x.sock", 0).unwrap().host(),
        request.host()
    );
    assert_eq!(host("unix:a b?c").to_string(), "unix:a b?c");
}

#[cfg(unix)]
#[test]
fn a_unix_path_that_is_not_utf8_is_accepted() {
    use std::os::unix::ffi::OsStrExt as _;
    let path = Path::new(std::ffi::OsStr::from_bytes(b"/run/\xff"));
    let request = Request::unix(path).unwrap();
    assert_eq!(request.host().address(), &Address::Path(path.into()));
    assert_eq!(request.address(), "/run/\u{fffd}");
}

#[test]
fn texts_of_another_form_than_a_request_are_an_error() {
    for text in [
        "",
        "http",
        "example.test:80",
        "localhost",
        "http:host",
        "mailto:x",
        "127.0.0.1",
    ] {
        assert_text(text, &format!("invalid request {text:?}: {FORM}"));
    }
    for text in [
        "http://::1",
        "http://::1:80",
        "http://[::1:80",
        "http://[::1]:80:80",
        "http://host:80:80",
    ] {
        assert_text(
            text,
            &format!(
                "invalid request {text:?}: \
                 more than one ':' was found; an IPv6 address is written in brackets"
            ),
        );
    }
    assert_text(
        "http://[::1]x:80",
        &format!("invalid address \"[::1]x\": {BRACKETS}"),
    );
    assert_text(
        "http://127.1:80",
        &format!("invalid address \"127.1\": {NUMBER}"),
    );
}

#[test]
fn a_scheme_without_a_default_port_needs_a_port() {
    for text in ["ssh://example.test", "tcp://[::1]"] {
        assert_text(
            text,
            &format!(
                "invalid request {text:?}: \
                 no port was given, and only http, https, ws and wss have a default"
            ),
        );
    }
}

#[test]
fn parts_of_a_url_beyond_the_host_are_an_error() {
    for (text, shown, found) in [
        ("http://host/a/b", "http://host/***", "a path"),
        ("http://host:80//", "http://host:80/***", "a path"),
        ("http://host/a?token=x", "http://host/***", "a path"),
        ("http://host?token=x", "http://host?***", "a query"),
        ("http://host/?token=x", "http://host/***", "a query"),
        ("http://host#x", "http://host#***", "a fragment"),
        ("http://user@host", "http://***@host", "user information"),
        (
            "http://user:secret@host:80/a",
            "http://***@host:80/***",
            "user information",
        ),
        ("http://user:sec/ret@host", "http://***@host", "a path"),
    ] {
        assert_text(
            text,
            &format!(
                "invalid request {shown:?}: {found} was found; only a host to connect to is allowed"
            ),
        );
    }
}

#[test]
fn secrets_in_a_request_are_in_no_error() {
    for address in [
        "user:secret@host",
        "secret@host",
        "host/?token=secret",
        "http://a:secret@h/",
    ] {
        for result in [
            Request::new("http", address, 80),
            Request::new(address, "host", 80),
            address.parse(),
        ] {
            let error = result.unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }
}

#[test]
fn valid_texts_are_parsed_as_requests() {
    for (text, expected) in [
        ("http://127.0.0.1:80", "http://127.0.0.1:80"),
        ("http://127.0.0.1", "http://127.0.0.1:80"),
        ("HTTP://Example.test./", "http://example.test:80"),
        ("ws://a", "ws://a:80"),
        ("https://a", "https://a:443"),
        ("WSS://a", "wss://a:443"),
        ("ssh://a:22/", "ssh://a:22"),
        ("http://[::1]", "http://[::1]:80"),
        (
            "http://[::ffff:127.0.0.1]:81/",
            "http://[::ffff:127.0.0.1]:81",
        ),
        ("http://[fe80::1%25eth0]:80", "http://[fe80::1%eth0]:80"),
        ("http://[fe80::1%eth0]", "http://[fe80::1%eth0]:80"),
        ("http://[fe80::1%3]", "http://[fe80::1%3]:80"),
    ] {
        assert_eq!(host(text).to_string(), expected, "{text}");
        assert_eq!(host(expected), host(text), "{text}");
    }
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

#[test]
fn a_request_repeats_its_scheme_address_and_port() {
    let request = Request::new("HTTP", "Example.TEST.", 80).unwrap();
    assert_eq!(
        (request.scheme(), request.address(), request.port()),
        ("HTTP", "Example.TEST.", 80)
    );
    assert_eq!(request.host().scheme(), "http");
    assert_eq!(request.host().port(), 80);
    let request: Request = "Https://[0:0::1]".parse().unwrap();
    assert_eq!(
        (request.scheme(), request.address(), request.port()),
        ("Https", "[0:0::1]", 443)
    );
    let request = request.partition("blue");
    assert_eq!(
        (request.scheme(), request.address(), request.port()),
        ("Https", "[0:0::1]", 443)
    );
}

#[test]
fn partitions_are_hosts_of_their_own() {
    let request = Request::new("http", "127.0.0.1", 80).unwrap();
    let hosts: HashSet<Host> = [
        request.clone(),
        request.clone().partition(""),
        request.clone().partition("blue"),
        request.clone().partition("red").partition("blue"),
    ]
    .iter()
    .map(|request| request.host().clone())
    .collect();
    assert_eq!(hosts.len(), 3);
    let blue = request.partition("blue");
    assert_eq!(blue.host().partition(), Some("blue"));
    assert_eq!(
        blue.host().to_string(),
        "http://127.0.0.1:80 (partition \"blue\")"
    );
}

#[test]
fn types_of_requests_are_send_and_sync() {
    fn check<T: Send + Sync + Clone + std::fmt::Debug + 'static>() {}
    check::<Address>();
    check::<Host>();
    check::<Request>();
    check::<RequestError>();
}
