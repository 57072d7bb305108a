//! Messages are about URLs, files and servers; they name no crate and no Rust type.

use std::io::{self, Read, Write};
use std::sync::Arc;

use keepalive::rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::program::{Ended, command, keepalive_with, run};
use crate::server::{on_each_connection, refusing_url};
use crate::tls_files::{Authority, Files, config};

/// Names of crates and types, and the syntax of debug output.
const OF_RUST: &str = "rust|hyper|h2|webpki|hickory|tokio|indicatif|clap|crate|docs.rs|panick|digit found in string|\
     non-zero type|0ns|unwrap|DnsName|IpAddress(|Error|Kind|Custom|Some(|::{|{ |(b\"";

/// Adds messages with words of Rust to `wrong`.
fn check(name: &str, run: &Ended, wrong: &mut String) {
    // The random names of test folders could contain such words.
    let mut text = format!("{}{}", run.stderr, run.stdout);
    while let Some(start) = text.find("/tmp/.tmp") {
        text.replace_range(start..start + "/tmp/.tmp123456".len(), "FOLDER");
    }
    assert!(
        run.code == Some(1) || run.code == Some(2),
        "{name}: {run:?}"
    );
    let is_type = |pair: &[u8]| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
    if text.as_bytes().windows(2).any(is_type) {
        wrong.push_str(&format!("{name}: the name of a type in {text}\n"));
    }
    for word in OF_RUST.split('|') {
        let is_word = |(at, _): (usize, &str)| {
            let before = text[..at].chars().next_back();
            !before.is_some_and(char::is_alphanumeric)
        };
        if text.match_indices(word).any(is_word) {
            wrong.push_str(&format!("{name}: {word:?} in {text}\n"));
        }
    }
}

fn fetch(flags: &[&str]) -> Ended {
    let mut command = command("fetch --timeout 2s");
    run(command.args(flags))
}

/// Sends `answer` after the request on each connection, and closes it.
fn saying(answer: Vec<u8>) -> u16 {
    on_each_connection(move |mut stream| {
        let _ = stream.read(&mut [0; 65536])?;
        stream.write_all(&answer)?;
        stream.shutdown(std::net::Shutdown::Write)?;
        io::copy(&mut stream, &mut io::sink()).map(|_| ())
    })
}

fn by_tls(config: ServerConfig) -> u16 {
    let config = Arc::new(config);
    on_each_connection(move |stream| {
        let session = ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(session, stream);
        let _asked = stream.read(&mut [0; 4096])?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhal")
    })
}

#[test]
fn messages_about_bad_http_1_responses_name_no_rust() {
    let head = "HTTP/1.1 200 OK\r\n";
    let with_body = |fields: &str| format!("{head}{fields}\r\n\r\nhello");
    let mut wrong = String::new();
    for (name, answer) in [
        ("nothing", String::new()),
        ("no HTTP", "220 mail.test ESMTP\r\n".to_owned()),
        ("half a head", "HTTP/1.1 200 OK\r\nx: ".to_owned()),
        ("another version", "HTTP/9.9 200 OK\r\n\r\n".to_owned()),
        ("no status", "HTTP/1.1 abc OK\r\n\r\n".to_owned()),
        ("a bad name", with_body("x y: 1")),
        ("a bad length", with_body("content-length: -1")),
        (
            "two lengths",
            with_body("content-length: 1\r\ncontent-length: 2"),
        ),
        ("too short", with_body("content-length: 100")),
        ("bad chunks", with_body("transfer-encoding: chunked")),
        (
            "chunks cut short",
            with_body("transfer-encoding: chunked\r\n\r\n5"),
        ),
        (
            "many headers",
            head.to_owned() + &"x: 1\r\n".repeat(100_000) + "\r\n",
        ),
        (
            "a long header",
            with_body(&format!("x: {}", "x".repeat(2_000_000))),
        ),
        (
            "interim without end",
            "HTTP/1.1 100 Continue\r\n\r\n".repeat(100_000),
        ),
        (
            "a redirect to nowhere",
            "HTTP/1.1 302 Found\r\nlocation: http://[::1\r\n\r\n".to_owned(),
        ),
        (
            "a redirect elsewhere",
            "HTTP/1.1 302 Found\r\nlocation: ftp://h/\r\n\r\n".to_owned(),
        ),
        (
            "a redirect in a circle",
            "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                .to_owned(),
        ),
        (
            "no gzip",
            with_body("content-encoding: gzip\r\ncontent-length: 5"),
        ),
        (
            "a strange coding",
            with_body("content-encoding: strange\r\ncontent-length: 5"),
        ),
        (
            "not found",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
        ),
    ] {
        let url = format!("http://127.0.0.1:{}/", saying(answer.into_bytes()));
        let run = fetch(&[&url, "--compressed", "-L", "--fail"]);
        check(name, &run, &mut wrong);
    }
    assert_eq!(wrong, "");
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let head = [
        length[1], length[2], length[3], kind, flags, 0, 0, 0, stream,
    ];
    [&head[..], content].concat()
}

#[test]
fn messages_about_bad_http_2_responses_name_no_rust() {
    let mut cases = Vec::new();
    let mut case = |name: &str, answer: Vec<u8>| cases.push((name.to_owned(), answer));
    case("no HTTP/2", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    case("nothing", Vec::new());
    case("garbage", frame(0, 0, 1, b"data before settings"));
    // After the settings.
    let mut case = |name: &str, answer: Vec<u8>| case(name, [frame(4, 0, 0, b""), answer].concat());
    case("settings alone", Vec::new());
    case("bad compression", frame(1, 5, 1, b"\xff\xff\xff\xff\xff"));
    case("no status", frame(1, 5, 1, b""));
    case(
        "a frame too large",
        b"\xff\xff\xff\x01\x05\0\0\0\x01".to_vec(),
    );
    let begun = [frame(1, 4, 1, b"\x88"), frame(0, 0, 1, b"hal")];
    case("an end in the body", begun.concat());
    for code in 0..=14 {
        let reset = frame(3, 0, 1, &[0, 0, 0, code]);
        let goaway = frame(7, 0, 0, &[0, 0, 0, 0, 0, 0, 0, code, b't', b'o', b'o']);
        let late = frame(7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, code]);
        case(&format!("RST_STREAM {code}"), reset);
        case(&format!("GOAWAY {code}"), goaway);
        case(&format!("GOAWAY {code} after it"), late);
    }
    let mut wrong = String::new();
    for (name, answer) in cases {
        let url = format!("http://127.0.0.1:{}/", saying(answer));
        let run = fetch(&[&url, "--http2", "--resend", "1"]);
        check(&name, &run, &mut wrong);
    }
    assert_eq!(wrong, "");
}

#[test]
fn messages_about_tls_name_no_rust() {
    let files = Files::new();
    let root = Authority::root("the root");
    let pem = files.write("root.pem", root.pem());
    let other = Authority::root("another root");
    let expired =
        |params: &mut rcgen::CertificateParams| params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let future = |params: &mut rcgen::CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2090, 1, 1);
    };
    let authority = |params: &mut rcgen::CertificateParams| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    };
    let purpose = |params: &mut rcgen::CertificateParams| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    };
    let here = ["127.0.0.1"];
    let served = |authority: &Authority, names: &[&str]| {
        by_tls(config(&authority.issue_as("a server", names), None))
    };
    let changed = |change: &dyn Fn(&mut rcgen::CertificateParams)| {
        by_tls(config(&root.issue_with("a server", &here, change), None))
    };
    let asks = by_tls(config(&root.issue_as("a server", &here), Some(&other)));
    let mut old = config(&root.issue_as("a server", &here), None);
    old.alpn_protocols = vec![b"other".to_vec()];
    let mut wrong = String::new();
    for (name, port) in [
        (
            "no TLS",
            saying(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ),
        ("nothing", saying(Vec::new())),
        ("an alert", saying(b"\x15\x03\x03\0\x02\x02\x28".to_vec())),
        (
            "a strange alert",
            saying(b"\x15\x03\x03\0\x02\x02\xc8".to_vec()),
        ),
        ("an empty record", saying(b"\x16\x03\x03\0\0".to_vec())),
        (
            "half a hello",
            saying(b"\x16\x03\x03\0\x04\x02\0\0\0".to_vec()),
        ),
        ("another name", served(&root, &["h.test", "10.0.0.1"])),
        ("no name", served(&root, &[])),
        ("another root", served(&other, &here)),
        ("expired", changed(&expired)),
        ("not valid yet", changed(&future)),
        ("an authority", changed(&authority)),
        ("another purpose", changed(&purpose)),
        ("a certificate asked for", asks),
        ("another protocol", by_tls(old)),
        ("an end without notice", served(&root, &here)),
    ] {
        let run = fetch(&[&format!("https://127.0.0.1:{port}/"), "--cacert", &pem]);
        check(name, &run, &mut wrong);
    }
    assert_eq!(wrong, "");
}

#[test]
fn messages_about_connecting_name_no_rust() {
    let mut wrong = String::new();
    let refused = refusing_url();
    let proxy = |answer: &[u8]| saying(answer.to_vec());
    let socks = format!(
        "socks5h://127.0.0.1:{}",
        proxy(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    );
    let socks_refuses = format!("socks5h://127.0.0.1:{}", proxy(b"\x05\xff"));
    let http = format!("http://127.0.0.1:{}", proxy(b"220 mail.test\r\n"));
    let http_refuses = format!("http://127.0.0.1:{}", proxy(b"HTTP/1.1 407 No\r\n\r\n"));
    for (name, flags) in [
        ("refused", vec![&*refused]),
        ("no such name", vec!["http://nosuch.invalid/"]),
        (
            "a long label",
            vec!["http://xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.test/"],
        ),
        (
            "no address of the family",
            vec!["http://127.0.0.1:1/", "-6"],
        ),
        (
            "a bind address that is none of ours",
            vec!["http://127.0.0.1:1/", "--bind", "192.0.2.1"],
        ),
        (
            "an interface that is none",
            vec!["http://127.0.0.1:1/", "--interface", "nosuch0"],
        ),
        ("no SOCKS", vec!["http://h.test/", "--proxy", &socks]),
        (
            "SOCKS refuses",
            vec!["http://h.test/", "--proxy", &socks_refuses],
        ),
        ("no proxy", vec!["https://h.test/", "--proxy", &http]),
        (
            "a proxy refuses",
            vec!["https://h.test/", "--proxy", &http_refuses],
        ),
        (
            "a proxy is not there",
            vec!["https://h.test/", "--proxy", "http://127.0.0.1:1"],
        ),
    ] {
        let run = fetch(&flags);
        check(name, &run, &mut wrong);
    }
    assert_eq!(wrong, "");
}

#[test]
fn messages_about_the_command_line_name_no_rust() {
    let files = Files::new();
    let junk = files.write("junk", "no certificate");
    let broken = files.write(
        "broken",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let url = "http://127.0.0.1:1/";
    let mut wrong = String::new();
    for flags in [
        vec!["http://"],
        vec!["http://a b/"],
        vec!["http://[::1/"],
        vec!["http://h:99999/"],
        vec!["http://256.1.1.1/"],
        vec!["http://xn--/"],
        vec!["ftp://h/"],
        vec![url, "--timeout", "5d"],
        vec![url, "--timeout", "0"],
        vec![url, "--max-per-host", "0"],
        vec![url, "--max-per-host", "x"],
        vec![url, "--jobs", "0"],
        vec![url, "--resend=-1"],
        vec![url, "--bind", "h"],
        vec![url, "--resolve", "h"],
        vec![url, "--proxy", "ftp://h"],
        vec![url, "--proxy", "http://h:x"],
        vec![url, "-H", "x"],
        vec![url, "-H", "x: \u{1}"],
        vec![url, "-A", "\u{1}"],
        vec![url, "-X", "a b"],
        vec![url, "-d", "@/nowhere/at/all"],
        vec![url, "--cacert", &junk],
        vec![url, "--cacert", &broken],
        vec![url, "--cert", &junk],
        vec![url, "--cert", &broken],
        vec![url, "--limits", &junk],
        vec![url, "--output", "/nowhere/at/all"],
        vec![url, "--jsonl", "/nowhere/at/all"],
        vec![url, "--nosuch"],
        vec!["--input", "/nowhere/at/all"],
    ] {
        let run = fetch(&flags);
        check(&flags.join(" "), &run, &mut wrong);
    }
    let probe = keepalive_with(&["probe", "tls://127.0.0.1:1", "--alpn", ""], "");
    check("probe --alpn", &probe, &mut wrong);
    assert_eq!(wrong, "");
}
