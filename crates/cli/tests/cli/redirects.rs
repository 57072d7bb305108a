//! `--location` follows redirects up to a limit, and drops credentials at other hosts.

use std::sync::mpsc;

use keepalive_testkit::http_server::{self, ok};
use serde_json::Value;

use crate::program::{Ended, cli};
use crate::server::refusing_url;
use crate::site::Site;

fn fetch(url: &str, flags: &str) -> Ended {
    cli!("fetch {url} {flags} --jsonl -")
}

#[test]
fn a_redirect_without_location_is_the_result() {
    let site = Site::start();
    let run = fetch(&site.url("/redirect/302?/b"), "").exits(0);
    let result = run.result();
    assert_eq!(result["status"], 302);
    assert_eq!(result["redirects"], 0);
    assert_eq!(result["final_url"], Value::Null);
    assert_eq!(site.lines(), ["GET /redirect/302"]);
}

#[test]
fn location_follows_a_redirect_to_its_response() {
    let site = Site::start();
    for flag in ["-L", "--location"] {
        let run = fetch(&site.url("/redirect/301?/redirect/307?/b"), flag).exits(0);
        let result = run.result();
        assert_eq!(result["status"], 200);
        assert_eq!(result["redirects"], 2);
        assert_eq!(result["final_url"], site.url("/b"));
        assert_eq!(result["bytes"], 5);
        run.complains("redirects followed: 2");
    }
}

#[test]
fn a_redirected_post_becomes_a_get_or_stays_a_post_by_its_status() {
    for (status, line, body) in [
        (301, "GET /b", ""),
        (302, "GET /b", ""),
        (303, "GET /b", ""),
        (307, "POST /b", "x=1"),
        (308, "POST /b", "x=1"),
    ] {
        let site = Site::start();
        let url = site.url(&format!("/redirect/{status}?/b"));
        fetch(&url, "-L -d x=1").exits(0);
        let last = site.asked().pop().unwrap();
        assert_eq!((&*last.line, &*last.body), (line, body), "{status}");
        let has_type = last.header("content-type").is_some();
        assert_eq!(has_type, !body.is_empty(), "{status}");
    }
}

#[test]
fn a_loop_of_redirects_ends_at_the_limit_with_an_error() {
    for (flags, limit) in [
        ("-L", 10),
        ("-L --max-redirects 3", 3),
        ("-L --max-redirects 0", 0),
    ] {
        let site = Site::start();
        let run = fetch(&site.url("/loop"), flags).exits(1);
        let result = run.result();
        assert_eq!(result["error"]["function"], "redirect", "{run:?}");
        assert_eq!(result["redirects"], limit, "{run:?}");
        run.complains(format!("{limit} redirects were followed"));
        run.complains("--max-redirects");
        assert_eq!(site.lines().len(), limit + 1);
    }
}

#[test]
fn a_redirect_to_another_scheme_or_no_url_is_an_error() {
    let site = Site::start();
    for (to, said) in [
        ("ftp://127.0.0.1/a", "\"ftp\" is not HTTP"),
        ("http://127.0.0.1:99999/", "no URL"),
        ("http://[::1/", "no URL"),
    ] {
        let run = fetch(&site.url(&format!("/redirect/302?{to}")), "-L").exits(1);
        let result = run.result();
        assert_eq!(result["error"]["function"], "redirect", "{to}: {run:?}");
        let text = result["error"]["error_str"].as_str().unwrap();
        assert!(text.contains(said), "{to}: {run:?}");
        assert!(!text.contains("secret"), "{to}: {run:?}");
    }
}

#[test]
fn a_location_is_parsed_as_by_browsers_and_its_credentials_are_not_sent() {
    let (sender, heads) = mpsc::channel();
    let port = http_server::Server::on_a_thread(|server| {
        let last = format!("http://me:secret@127.0.0.1:{}/last", server.port());
        server.answer(move |head| {
            sender.send(head.to_owned()).unwrap();
            let location = match head.split(' ').nth(1) {
                Some("/a/b") => "/\u{e4} b",
                Some("/%C3%A4%20b") => "../x/.\\y#z",
                Some("/x/y") => &last,
                _ => return ok(""),
            };
            format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")
        });
    });
    let run = fetch(&format!("http://127.0.0.1:{port}/a/b"), "-L").exits(0);
    assert!(!run.stdout.contains("secret"), "{run:?}");
    let heads: Vec<_> = heads.try_iter().collect();
    let lines: Vec<_> = heads
        .iter()
        .map(|head| head.lines().next().unwrap())
        .collect();
    let paths = ["/a/b", "/%C3%A4%20b", "/x/y", "/last"];
    assert_eq!(lines, paths.map(|path| format!("GET {path} HTTP/1.1")));
    assert!(!heads[3].contains("authorization"), "{}", heads[3]);
}

#[test]
fn a_refused_connection_after_a_redirect_is_reported_with_the_redirect() {
    let (site, refusing) = (Site::start(), refusing_url());
    let run = fetch(&site.url(&format!("/redirect/302?{refusing}")), "-L").exits(1);
    let result = run.result();
    assert_eq!(result["error"]["function"], "connect", "{run:?}");
    assert_eq!(result["redirects"], 1, "{run:?}");
    assert_eq!(result["status"], Value::Null, "{run:?}");
    assert_eq!(result["final_url"], refusing, "{run:?}");
}

#[test]
fn an_error_about_a_redirect_has_the_last_status() {
    let site = Site::start();
    for (path, flags, last) in [
        ("/loop", "-L --max-redirects 2", Some("/loop")),
        ("/redirect/302?/loop", "-L --max-redirects 0", None),
        (
            "/redirect/302?/redirect/302?ftp://h/",
            "-L",
            Some("/redirect/302?ftp://h/"),
        ),
        (
            "/redirect/302?/redirect/302?http://[::1",
            "-L",
            Some("/redirect/302?http://[::1"),
        ),
    ] {
        let run = fetch(&site.url(path), flags).exits(1);
        let result = run.result();
        assert_eq!(result["error"]["function"], "redirect", "{run:?}");
        assert_eq!(result["status"], 302, "{run:?}");
        let last = last.filter(|last| *last != path).map(|last| site.url(last));
        assert_eq!(result["final_url"].as_str(), last.as_deref(), "{run:?}");
        run.complains("the last answer was 302");
        if let Some(last) = last {
            run.complains(&last);
        }
    }
}

const SECRETS: &str = "-H authorization:Basic -H cookie:a=b -H proxy-authorization:Basic \
                       -H host:one.test -H x-plain:yes";

/// The headers of [`SECRETS`] that each request had.
fn secrets(site: &Site) -> Vec<Vec<&'static str>> {
    let names = ["authorization", "cookie", "proxy-authorization"];
    let asked = site.asked();
    let secrets = asked.iter().map(|asked| {
        assert_eq!(asked.header("x-plain"), Some("yes"));
        let given = names
            .into_iter()
            .filter(|name| asked.header(name).is_some());
        let named = (asked.header("host") == Some("one.test")).then_some("host");
        given.chain(named).collect()
    });
    secrets.collect()
}

const ALL: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "host"];

#[test]
fn credentials_are_sent_along_redirects_to_the_same_host() {
    let site = Site::start();
    fetch(&site.url("/redirect/302?/b"), &format!("-L {SECRETS}")).exits(0);
    assert_eq!(secrets(&site), [ALL, ALL]);
}

#[test]
fn credentials_are_not_sent_to_another_host_after_any_number_of_redirects() {
    let (one, two) = (Site::start(), Site::start());
    let to = two.url("/redirect/302?/redirect/302?/c");
    fetch(
        &one.url(&format!("/redirect/302?{to}")),
        &format!("-L {SECRETS}"),
    )
    .exits(0);
    assert_eq!(secrets(&one), [ALL]);
    assert_eq!(secrets(&two), [[""; 0]; 3]);
    assert_eq!(
        two.asked()[0].header("host"),
        Some(&*format!("127.0.0.1:{}", two.port))
    );
}

#[test]
fn credentials_are_not_sent_after_a_redirect_back_from_another_host() {
    let (one, two) = (Site::start(), Site::start());
    let back = two.url(&format!("/redirect/302?{}", one.url("/c")));
    fetch(
        &one.url(&format!("/redirect/302?{back}")),
        &format!("-L {SECRETS}"),
    )
    .exits(0);
    assert_eq!(secrets(&one), [&ALL[..], &[]]);
}

#[test]
fn credentials_are_sent_to_another_spelling_of_the_same_host() {
    let site = Site::start();
    let url = format!(
        "http://LocalHost:{}/redirect/302?http://localhost:{}/b",
        site.port, site.port
    );
    fetch(&url, &format!("-L {SECRETS} --resolve localhost:127.0.0.1")).exits(0);
    assert_eq!(secrets(&site), [ALL, ALL]);
}
