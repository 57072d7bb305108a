//! Every rule about the parts of a request (R1 to R3): accepted values, and the text of each error.

mod addresses;
#[cfg(feature = "proxy")]
mod authorities;
mod parts;
mod texts;

use keepalive::{Host, Request, RequestError};

const BRACKETS: &str =
    "brackets go around one whole IPv6 address, as in \"[::1]\"; the port is a separate argument";

const NUMBER: &str = "it looks like a number but is not an IPv4 address: \
                      four decimal numbers from 0 to 255, as in 127.0.0.1";

const FORM: &str = "expected the form \"scheme://address:port\" or \"unix:/path\"";

#[track_caller]
fn assert_error(result: Result<Request, RequestError>, expected: &str) {
    match result {
        Ok(request) => panic!("accepted as {}, expected: {expected}", request.host()),
        Err(error) => assert_eq!(error.to_string(), expected),
    }
}

#[track_caller]
fn assert_text(text: &str, expected: &str) {
    assert_error(text.parse(), expected);
}

fn host(text: &str) -> Host {
    let request: Request = text.parse().expect("a good request");
    request.host().clone()
}
