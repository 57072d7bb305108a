//! Requests as one text, such as `http://host:80`.

use keepalive::Request;

use super::{BRACKETS, FORM, NUMBER, assert_text, host};

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
