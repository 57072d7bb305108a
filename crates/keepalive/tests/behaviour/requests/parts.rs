//! Schemes, ports, unix paths and partitions of requests.

use std::path::Path;

use keepalive::{Address, Request};

use super::{FORM, assert_error, assert_text, host};

const SCHEME: &str = "a scheme is a letter followed by letters, digits, '+', '-', '.' or '_'";

const PORT: &str = "a port is a number from 1 to 65535";

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
    for port in [
        "", "0", "65536", "-1", "+80", "80 ", " 80", "8_0", "x", "8\n", "８０", "٨",
    ] {
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
