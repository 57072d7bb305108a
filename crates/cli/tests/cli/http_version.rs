//! The choice of the version of HTTP: by `--http2`, `--http1.1` or TLS.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use http::Version;
use keepalive::rustls::ServerConfig;

use crate::program::{Ended, cli};
use crate::server::on_each_connection;
use crate::site::Site;
use crate::tls_files::{Authority, config};

/// The settings of a server that speaks these protocols.
fn tls(protocols: &[&str]) -> ServerConfig {
    let identity = Authority::root("the root").issue_as("the server", &["127.0.0.1"]);
    let mut config = config(&identity, None);
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    config
}

fn fetch(url: &str, flags: &str) -> Ended {
    cli!("fetch {url} -k {flags} --summary")
}

/// The cell of versions in the summary's line that starts with `start`.
fn told(run: &Ended, line: &str) -> String {
    let line = run.stderr.lines().find(|text| text.starts_with(line));
    line.unwrap().split_whitespace().nth(1).unwrap().to_owned()
}

#[test]
fn the_server_chooses_the_version_of_http_by_tls() {
    for (protocols, version, shown) in [
        (&["h2", "http/1.1"][..], Version::HTTP_2, "2"),
        (&["http/1.1"], Version::HTTP_11, "1.1"),
    ] {
        let site = Site::start_with(tls(protocols));
        let url = format!("https://127.0.0.1:{}", site.port);
        let run = fetch(&url, "").exits(0);
        assert_eq!(site.asked()[0].version, version);
        assert_eq!(told(&run, &url), shown, "{run:?}");
        assert_eq!(told(&run, "total"), shown, "{run:?}");
    }
}

#[test]
fn http1_1_is_used_with_a_server_that_prefers_http_2() {
    let site = Site::start_with(tls(&["h2", "http/1.1"]));
    let run = fetch(
        &format!("https://127.0.0.1:{}", site.port),
        "--http1.1 --jsonl -",
    )
    .exits(0);
    assert_eq!(site.asked()[0].version, Version::HTTP_11);
    assert_eq!(run.results()[0]["version"], "HTTP/1.1");
}

#[test]
fn http2_without_tls_is_used_by_prior_knowledge() {
    let site = Site::start();
    let run = fetch(&site.url("/a"), "--http2 --jsonl -").exits(0);
    assert_eq!(site.asked()[0].version, Version::HTTP_2);
    assert_eq!(run.results()[0]["version"], "HTTP/2");
    assert_eq!(fetch(&site.url("/a"), "").code, Some(0));
    assert_eq!(site.asked()[1].version, Version::HTTP_11);
}

#[test]
fn one_http_2_connection_carries_many_fetches() {
    let site = Site::start();
    let run = fetch(&site.url("/a"), "--http2 --repeat 50 --max-per-host 1").exits(0);
    let total = run.stdout.lines().find(|line| line.starts_with("total"));
    let cells: Vec<_> = total.unwrap().split_whitespace().collect();
    assert_eq!(cells[..3], ["total", "2", "50"], "{run:?}");
}

#[test]
fn http2_with_a_server_without_http_2_is_a_failure() {
    let site = Site::start_with(tls(&["http/1.1"]));
    let run = fetch(&format!("https://127.0.0.1:{}", site.port), "--http2").exits(1);
    run.complains("none of the application protocols offered");
}

#[test]
fn http2_with_a_server_without_alpn_is_a_failure_of_tls_without_advice() {
    let site = Site::start_with(tls(&[]));
    let run = fetch(&format!("https://127.0.0.1:{}", site.port), "--http2").exits(1);
    let said = "tls: the server was offered h2 by ALPN and chose none";
    run.complains(said);
    assert!(!run.stderr.contains("takes for granted"), "{run:?}");
}

#[test]
fn http2_with_a_server_that_closes_at_once_is_a_failure_without_advice() {
    let port = on_each_connection(|mut stream| stream.read(&mut [0; 1024]).map(drop));
    let run = fetch(&format!("http://127.0.0.1:{port}/"), "--http2").exits(1);
    assert!(!run.stderr.contains("takes for granted"), "{run:?}");
}

#[test]
fn http2_with_a_server_that_responds_in_http_1_is_a_failure_with_advice() {
    let url = format!("http://127.0.0.1:{}/", on_each_connection(answer_in_http_1));
    // The close may come before the request is sent, or before the connection is ready.
    let run = fetch(&url, "--http2 --repeat 200 --jsonl -").exits(1);
    let results = run.results();
    assert_eq!(results.len(), 200);
    for result in results {
        let told = result["error"].to_string();
        assert!(told.contains("--http2 takes for granted"), "{told}");
    }
}

fn answer_in_http_1(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")?;
    // The server waits for the client to close, so that the client gets no reset.
    stream.read_to_end(&mut Vec::new()).map(drop)
}

#[test]
fn headers_and_a_body_are_sent_by_http_2() {
    let site = Site::start();
    fetch(
        &site.url("/a"),
        "--http2 -d x=1 -H x-one:1 -H host:other.test",
    )
    .exits(0);
    let asked = &site.asked()[0];
    assert_eq!((&*asked.line, &*asked.body), ("POST /a", "x=1"));
    assert_eq!(asked.header("x-one"), Some("1"));
    assert_eq!(asked.header("host"), None);
}
