//! The report of `keepalive probe`.

use std::io::Read;

use serde_json::Value;

use crate::program::{Ended, cli, keepalive};
use crate::server::{Server, silent};
use crate::site::Site;
use crate::tls_files::{Authority, Files, config};

fn object(run: &Ended) -> Value {
    assert_eq!(run.stdout.lines().count(), 1, "{run:?}");
    serde_json::from_str(&run.stdout).unwrap()
}

/// A server at the second address of `two.test`, and the flags to probe it.
fn second_of_two() -> (Site, Files, String) {
    let (root, files) = (Authority::root("the root"), Files::new());
    let identity = root.issue_with("the server", &["two.test"], |params| {
        params.not_after = rcgen::date_time_ymd(4000, 1, 1);
    });
    let server = Site::start_with(config(&identity, None));
    let cacert = files.write("root.pem", root.pem());
    let line = format!(
        "probe https://two.test:{}/x?y --resolve two.test:127.0.0.77,127.0.0.1 --cacert {cacert}",
        server.port
    );
    (server, files, line)
}

#[test]
fn a_probe_shows_addresses_attempts_tls_and_the_certificate() {
    let (server, _files, line) = second_of_two();
    let run = keepalive(&line).exits(0);
    assert_eq!(run.stderr, "");
    let port = server.port;
    for expected in [
        &format!("https://two.test:{port}\n"),
        "two.test: 127.0.0.77, 127.0.0.1 (by --resolve)",
        &format!("reached     127.0.0.1:{port}"),
        "TLS 1.3, TLS13_",
        "alpn        http/1.1",
        "certificate CN=the server",
        "  names     two.test",
        "  issuer    CN=the root",
        "  expires   4000-01-01T00:00:00Z (in ",
    ] {
        assert!(run.stdout.contains(expected), "{expected}: {}", run.stdout);
    }
    let of = |start: &str| {
        let line = run.stdout.lines().find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("{start}: {}", run.stdout))
    };
    assert!(of("connect  127.0.0.77:").ends_with("Connection refused"));
    assert!(of("connect  127.0.0.77:").contains('x'), "{}", run.stdout);
    assert!(of("connect  127.0.0.1:").ends_with("connected"));
    assert!(of("tls  ").contains('='), "{}", run.stdout);
    assert!(of("times").contains("tls "), "{}", run.stdout);
    assert!(!run.stdout.contains('\x1b'), "colour without a terminal");
}

#[test]
fn the_json_of_a_probe_has_addresses_attempts_tls_and_the_certificate() {
    let (server, _files, line) = second_of_two();
    let run = cli!("{line} --json").exits(0);
    let found = object(&run);
    let port = server.port;
    assert_eq!(found["target"], format!("https://two.test:{port}"));
    assert_eq!(found["connected"], true);
    assert_eq!(found["error"], Value::Null);
    let [lookup] = &found["lookups"].as_array().unwrap()[..] else {
        panic!("{found}");
    };
    assert_eq!(lookup["origin"], "given");
    assert_eq!(lookup["addresses"][1], "127.0.0.1");
    let [refused, connected] = &found["attempts"].as_array().unwrap()[..] else {
        panic!("{found}");
    };
    assert_eq!(refused["address"], format!("127.0.0.77:{port}"));
    assert_eq!(refused["outcome"], "failed");
    assert_eq!(refused["error"]["error_num"], 111);
    assert_eq!(connected["outcome"], "connected");
    assert_eq!(connected["error"], Value::Null);
    let number = |value: &Value| value.as_u64().unwrap();
    let ends = [
        number(&refused["from_us"]),
        number(&refused["to_us"]),
        number(&connected["from_us"]),
        number(&connected["to_us"]),
        number(&found["total_us"]),
    ];
    assert!(ends.is_sorted(), "{ends:?}");
    let certificate = &found["tls"]["certificates"][0];
    assert_eq!(certificate["subject"], "CN=the server");
    assert_eq!(certificate["issuer"], "CN=the root");
    assert_eq!(certificate["names"][0], "two.test");
    assert_eq!(certificate["not_after"], "4000-01-01T00:00:00Z");
    assert!(certificate["days_left"].as_i64().unwrap() > 700_000);
    assert_eq!(found["tls"]["alpn"], "http/1.1");
    assert!(number(&found["timing"]["tls_us"]) > 0, "{found}");
}

#[test]
fn a_probe_of_a_scheme_without_tls_is_plain_tcp() {
    let (listener, port) = silent();
    let run = cli!("probe redis://127.0.0.1:{port} --json").exits(0);
    let found = object(&run);
    assert_eq!(found["tls"], Value::Null);
    assert_eq!(found["attempts"][0]["outcome"], "connected");
    let mut sent = Vec::new();
    let (mut connection, _) = listener.accept().unwrap();
    connection.read_to_end(&mut sent).unwrap();
    assert!(sent.is_empty(), "{sent:?}");
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "a second connection");
}

#[test]
fn a_probe_of_a_scheme_that_means_tls_uses_tls() {
    let (_server, _files, line) = second_of_two();
    for scheme in ["tls", "imaps"] {
        let run = cli!("{} --json", line.replace("https", scheme)).exits(0);
        let found = object(&run);
        assert_eq!(found["tls"]["version"], "TLS 1.3");
        assert_eq!(found["tls"]["alpn"], Value::Null, "none was offered");
    }
    let tls = line.replace("https", "tls");
    let run = cli!("{tls} --alpn h2,http/1.1 --json");
    assert_eq!(object(&run)["tls"]["alpn"], "http/1.1", "{run:?}");
}

#[test]
fn a_probe_shows_the_proxy() {
    let proxy = Server::start();
    let run = cli!(
        "probe tcp://only.the.proxy.knows.test:9 --proxy http://me:secret@127.0.0.1:{} --json",
        proxy.port()
    )
    .exits(0);
    assert_eq!(proxy.paths(), ["only.the.proxy.knows.test:9"]);
    let found = object(&run);
    let expected = format!("http://127.0.0.1:{}", proxy.port());
    assert_eq!(found["proxy"], expected);
    assert_eq!(found["forwarded"], false);
    assert!(found["timing"]["proxy_us"].as_u64().unwrap() > 0, "{found}");
    assert!(!run.stdout.contains("secret"), "{run:?}");
}

#[test]
fn a_probe_of_http_ends_at_the_forwarding_proxy() {
    let proxy = Server::start();
    let line = format!(
        "probe http://only.the.proxy.knows.test --proxy me:secret@127.0.0.1:{}",
        proxy.port()
    );
    let run = cli!("{line} --json").exits(0);
    let found = object(&run);
    assert_eq!(found["target"], "http://only.the.proxy.knows.test:80");
    let expected = format!("http://127.0.0.1:{}", proxy.port());
    assert_eq!(found["proxy"], expected);
    assert_eq!(found["forwarded"], true);
    assert_eq!(found["attempts"][0]["address"], expected["http://".len()..]);
    let run = keepalive(&line);
    run.prints("which forwards requests");
    assert!(!run.stdout.contains("secret"), "{run:?}");
    assert_eq!(proxy.paths(), [""; 0], "it is asked for nothing");
}

#[test]
fn control_characters_of_a_certificate_do_not_reach_the_terminal() {
    let (root, files) = (Authority::root("the root"), Files::new());
    let server = Site::start_with(config(&root.issue_as("evil\x1b[2J", &["127.0.0.1"]), None));
    let cacert = files.write("root.pem", root.pem());
    let run = cli!("probe https://127.0.0.1:{} --cacert {cacert}", server.port).exits(0);
    run.prints("CN=evil");
    assert!(!run.stdout.contains('\x1b'), "{run:?}");
}
