//! Heads with `-i` before bodies, with `-v` on standard error, with `--jsonl-headers` as JSON.

use serde_json::json;

use crate::program::cli;
use crate::site::Site;

#[test]
fn include_writes_the_head_of_every_hop_before_the_body() {
    let site = Site::start();
    let url = site.url("/redirect/302?/b");
    for flags in ["-i", "--include", "-i -o -"] {
        let run = cli!("fetch {url} -L {flags}").exits(0);
        let heads: Vec<_> = run.stdout.split("\r\n\r\n").collect();
        let [redirect, answer, body] = heads[..] else {
            panic!("{flags}: {run:?}");
        };
        assert!(redirect.starts_with("HTTP/1.1 302 Found\r\n"), "{run:?}");
        assert!(redirect.contains("\r\nlocation: /b\r\n"), "{run:?}");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{run:?}");
        assert_eq!(body, "hello");
        assert_eq!(run.stderr, "", "{flags}");
    }
    let run = cli!("fetch {} --http2 -i", site.url("/a"));
    assert!(run.stdout.starts_with("HTTP/2 200\r\n"), "{run:?}");
}

#[test]
fn include_of_several_urls_writes_heads_and_bodies_and_moves_the_summary_to_standard_error() {
    let site = Site::start();
    let run = cli!("fetch {} {} -i", site.url("/a"), site.url("/b"));
    assert_eq!(
        run.stdout.matches("HTTP/1.1 200 OK\r\n").count(),
        2,
        "{run:?}"
    );
    assert_eq!(run.stdout.matches("\r\n\r\nhello").count(), 2, "{run:?}");
    run.complains("2 fetched");
}

#[test]
fn verbose_shows_both_heads_of_every_hop_without_credentials() {
    let site = Site::start();
    let run = cli!(
        "fetch {} -L -v -d x=1 -H authorization:secret -H cookie:secret -H x-plain:seen",
        site.url("/redirect/307?/b")
    );
    assert_eq!((run.code, &*run.stdout), (Some(0), "hello"), "{run:?}");
    let lines: Vec<_> = run.stderr.lines().collect();
    for line in [
        "> POST /redirect/307?/b",
        &format!("> host: 127.0.0.1:{}", site.port),
        "> authorization: [hidden]",
        "> cookie: [hidden]",
        "> x-plain: seen",
        "> accept: */*",
        "> content-length: 3",
        "< HTTP/1.1 307 Temporary Redirect",
        "< location: /b",
        "> POST /b",
        "< HTTP/1.1 200 OK",
    ] {
        assert!(lines.contains(&line), "{line}: {run:?}");
    }
    run.complains("* on a new connection: ");
    assert!(!run.stderr.contains("secret"), "{run:?}");
    let order = [
        "> POST /redirect",
        "< HTTP/1.1 307",
        "> POST /b",
        "< HTTP/1.1 200",
    ];
    let places = order.map(|text| run.stderr.find(text).unwrap());
    assert!(places.is_sorted(), "{run:?}");
}

#[test]
fn verbose_numbers_the_heads_of_several_fetches() {
    let site = Site::start();
    let run = cli!("fetch {} {} -v", site.url("/a"), site.url("/b"));
    run.complains("[1] > GET /a\n[1] > host: ");
    run.complains("[2] < HTTP/1.1 200 OK\n");
}

#[test]
fn jsonl_headers_adds_headers_to_lines_of_json() {
    let site = Site::start();
    let url = site.url("/redirect/302?/b");
    let run = cli!("fetch {url} --jsonl - --jsonl-headers");
    let headers = &run.results()[0]["headers"];
    assert_eq!(headers["location"], json!(["/b"]), "{run:?}");
    let run = cli!("fetch {url} --jsonl -");
    assert!(run.results()[0].get("headers").is_none(), "{run:?}");
}
