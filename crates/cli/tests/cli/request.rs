//! The request that the flags make.

use crate::program::{cli, keepalive, keepalive_reading, keepalive_with};
use crate::site::{Asked, Site};
use crate::tls_files::Files;

/// The single request of a run with these flags.
fn asked(flags: &str) -> Asked {
    asked_reading(flags, "")
}

fn asked_reading(flags: &str, input: &str) -> Asked {
    let site = Site::start();
    keepalive_reading(&format!("fetch {} {flags}", site.url("/a")), input).exits(0);
    let [asked] = &site.asked()[..] else {
        panic!("{flags}: {:?}", site.asked());
    };
    asked.clone()
}

#[test]
fn flags_choose_the_method_and_the_body_with_its_type() {
    const FORM: &[&str] = &["application/x-www-form-urlencoded"];
    const JSON: &[&str] = &["application/json"];
    for (flags, method, body, types) in [
        ("", "GET", "", &[][..]),
        ("-X DELETE", "DELETE", "", &[]),
        ("-X PURGE", "PURGE", "", &[]),
        ("--method HEAD", "HEAD", "", &[]),
        ("-d a=1 --data b=2", "POST", "a=1&b=2", FORM),
        (
            "--data-urlencode n=ä&b -d c",
            "POST",
            "c&n=%C3%A4%26b",
            FORM,
        ),
        (
            "-d {} -X PUT -H content-type:application/json",
            "PUT",
            "{}",
            JSON,
        ),
        ("--json {\"a\":1}", "POST", "{\"a\":1}", JSON),
    ] {
        let asked = asked(flags);
        assert_eq!((asked.line, &*asked.body), (format!("{method} /a"), body));
        let sent: Vec<_> = asked.headers.get_all("content-type").iter().collect();
        assert_eq!(sent, types, "{flags}");
        if !body.is_empty() {
            assert_eq!(asked.headers["content-length"], *body.len().to_string());
        }
    }
}

#[test]
fn user_agent_and_accept_have_defaults() {
    const OURS: &str = concat!("keepalive/", env!("CARGO_PKG_VERSION"));
    for (flags, agent, accept) in [
        ("", OURS, "*/*"),
        ("-A mine", "mine", "*/*"),
        ("--user-agent mine", "mine", "*/*"),
        ("-H user-agent:mine", "mine", "*/*"),
        ("-A one -H user-agent:other", "other", "*/*"),
        ("-H Accept:text/html", OURS, "text/html"),
        ("--json {}", OURS, "application/json"),
    ] {
        let asked = asked(flags);
        assert_eq!(asked.header("user-agent"), Some(agent), "{flags}");
        assert_eq!(asked.header("accept"), Some(accept), "{flags}");
        assert_eq!(asked.headers.get_all("user-agent").iter().count(), 1);
    }
}

#[test]
fn repeated_headers_are_all_sent() {
    let asked = asked("-H x-one:1 --header x-two:2 -H x-two:zwei -H host:other.test");
    assert_eq!(asked.header("x-one"), Some("1"));
    let both: Vec<_> = asked.headers.get_all("x-two").iter().collect();
    assert_eq!(both, ["2", "zwei"]);
    let hosts: Vec<_> = asked.headers.get_all("host").iter().collect();
    assert_eq!(hosts, ["other.test"]);
}

#[test]
fn credentials_of_the_url_are_sent_unless_a_header_replaces_them() {
    let site = Site::start();
    let url = site.url("/a").replace("http://", "http://me:secret@");
    for (flag, sent) in [
        ("", "Basic bWU6c2VjcmV0"),
        ("-H authorization:mine", "mine"),
    ] {
        cli!("fetch {url} {flag}").exits(0);
        let asked = site.asked().pop().unwrap();
        assert_eq!(asked.header("authorization"), Some(sent));
        assert_eq!(
            asked.header("host"),
            Some(&*format!("127.0.0.1:{}", site.port))
        );
    }
}

#[test]
fn a_url_is_sent_as_browsers_and_curl_parse_it() {
    let site = Site::start();
    let place = format!("LOCALHOST:{}", site.port);
    let resolve = "localhost:127.0.0.1";
    for (url, line) in [
        (format!("{place}/a/../b"), "GET /b"),
        (format!("http:\\\\{place}\\b"), "GET /b"),
        (format!("http://{place}/ä b?ö"), "GET /%C3%A4%20b"),
    ] {
        keepalive_with(&["fetch", "--resolve", resolve, &url], "").exits(0);
        let asked = site.asked().pop().unwrap();
        assert_eq!(asked.line, line);
        assert_eq!(asked.header("host"), Some(&*place.to_lowercase()));
    }
}

#[test]
fn data_from_a_file_is_sent_unchanged() {
    let files = Files::new();
    let path = files.write("order.json", "{\n  \"n\": 1\r\n}\n");
    assert_eq!(asked(&format!("-d @{path}")).body, "{\n  \"n\": 1\r\n}\n");
}

#[test]
fn data_from_standard_input_is_sent() {
    assert_eq!(
        asked_reading("-d @-", "from a pipe\n").body,
        "from a pipe\n"
    );
}

#[test]
fn data_is_sent_with_every_request() {
    let site = Site::start();
    let url = site.url("/a");
    cli!("fetch {url} -d x --repeat 3").exits(0);
    let bodies: Vec<_> = site.asked().into_iter().map(|asked| asked.body).collect();
    assert_eq!(bodies, ["x", "x", "x"]);
}

#[test]
fn user_is_sent_unless_a_header_replaces_it() {
    for flag in ["-u", "--user"] {
        let asked = asked(&format!("{flag} me:secret"));
        assert_eq!(asked.header("authorization"), Some("Basic bWU6c2VjcmV0"));
    }
    let asked = asked("-u me:secret -H authorization:mine");
    assert_eq!(asked.header("authorization"), Some("mine"));
    let run = keepalive("fetch http://127.0.0.1/ -u secret").exits(2);
    run.complains("--user: write user:password");
    assert!(!run.stderr.contains("secret"), "{run:?}");
}

#[test]
fn data_urlencode_is_encoded_and_get_moves_it_into_the_query() {
    for (path, query) in [("/a", "c&n=%C3%A4%26b"), ("/a?x=1", "x=1&c&n=%C3%A4%26b")] {
        let site = Site::start();
        let flags = "-G --data-urlencode n=ä&b -d c --jsonl -";
        let run = cli!("fetch {} {flags}", site.url(path)).exits(0);
        let result = &run.results()[0];
        assert_eq!(result["url"], site.url(&format!("/a?{query}")));
        assert_eq!(result["final_url"], serde_json::Value::Null);
        let asked = site.asked().pop().unwrap();
        assert_eq!((&*asked.line, &*asked.body), ("GET /a", ""));
        assert_eq!(asked.header("content-type"), None);
    }
}

#[test]
fn form_sends_its_parts_with_a_content_length() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.txt");
    std::fs::write(&file, "of a file").unwrap();
    let asked = asked(&format!("-F n=text -F f=@{}", file.display()));
    let content_type = asked.header("content-type").unwrap();
    let boundary = content_type
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap();
    let parts: Vec<_> = asked.body.split(&format!("--{boundary}")).collect();
    assert_eq!(parts.len(), 4, "{asked:?}");
    assert!(
        parts[1].ends_with("name=\"n\"\r\n\r\ntext\r\n"),
        "{asked:?}"
    );
    assert!(parts[2].contains("filename=\"a.txt\""), "{asked:?}");
    assert_eq!(parts[3], "--\r\n");
    let length = asked.body.len().to_string();
    assert_eq!(asked.header("content-length"), Some(&*length));
}

#[test]
fn the_last_of_a_repeated_flag_wins() {
    let asked = asked("-X PUT -A one -X DELETE -A two --timeout 1ms --timeout 10s");
    assert_eq!(asked.line, "DELETE /a");
    assert_eq!(asked.header("user-agent"), Some("two"));
}
