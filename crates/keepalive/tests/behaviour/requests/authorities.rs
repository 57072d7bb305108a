//! All forms of a host with a port, in requests and in proxies.

use keepalive::{Proxy, Request};

const PORT: &str = "a number from 1 to 65535";

const COLONS: &str = "more than one ':' was found; an IPv6 address is written in brackets";

const BRACKETS: &str = "brackets go around one whole IPv6 address";

const EMPTY: &str = "it is empty";

const FORMS: [(&str, Result<&str, &str>); 26] = [
    ("h", Ok("http://h:80")),
    ("h:1", Ok("http://h:1")),
    ("h:01", Ok("http://h:1")),
    ("h:65535", Ok("http://h:65535")),
    ("H.test.", Ok("http://h.test:80")),
    ("127.0.0.1", Ok("http://127.0.0.1:80")),
    ("127.0.0.1:1", Ok("http://127.0.0.1:1")),
    ("[::1]", Ok("http://[::1]:80")),
    ("[::1]:1", Ok("http://[::1]:1")),
    ("[fe80::1%eth0]:1", Ok("http://[fe80::1%eth0]:1")),
    ("h:", Err(PORT)),
    ("h:0", Err(PORT)),
    ("h:+1", Err(PORT)),
    ("h: 1", Err(PORT)),
    ("h:x", Err(PORT)),
    ("h:65536", Err(PORT)),
    ("[::1]:", Err(PORT)),
    ("[::1]1", Err(BRACKETS)),
    ("[h]:1", Err(BRACKETS)),
    ("[]:1", Err(BRACKETS)),
    ("[::1]:1:2", Err(COLONS)),
    ("::1", Err(COLONS)),
    ("::1:80", Err(COLONS)),
    ("h:1:2", Err(COLONS)),
    (":1", Err(EMPTY)),
    ("", Err(EMPTY)),
];

#[track_caller]
fn assert_parsed<E: ToString>(parsed: Result<String, E>, expected: Result<&str, &str>, url: &str) {
    match (parsed, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{url}"),
        (Err(error), Err(expected)) => {
            let error = error.to_string();
            assert!(error.contains(expected), "{url}: {error}");
        }
        (Ok(found), Err(expected)) => panic!("{url}: {found}, not {expected}"),
        (Err(error), Ok(_)) => panic!("{url}: {}", error.to_string()),
    }
}

#[test]
fn a_host_with_a_port_is_parsed_alike_in_requests_and_proxies() {
    for (authority, expected) in FORMS {
        let url = format!("http://{authority}");
        let request = url.parse::<Request>();
        assert_parsed(request.map(|it| it.host().to_string()), expected, &url);
        let proxy = url.parse::<Proxy>();
        assert_parsed(proxy.map(|it| it.to_string()), expected, &url);
    }
}
