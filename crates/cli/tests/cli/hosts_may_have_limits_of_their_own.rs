//! `--limits` names a file of hosts and what each may have.

use serde_json::Value;

use crate::program::{Ended, keepalive};
use crate::server::Server;
use crate::tls_server::Files;

/// Fetches often from all of these at once.
fn fetch(servers: &[&Server], flags: &str) -> Ended {
    let urls: Vec<_> = servers.iter().map(|server| server.url("/a")).collect();
    keepalive(&format!("fetch {} --repeat 200 {flags}", urls.join(" ")))
}

#[test]
fn which_hold_for_them_and_not_for_others() {
    let (shy, other) = (Server::start(), Server::start());
    let files = Files::new();
    let limits = files.write(
        "limits",
        format!("# one\n\n{}  max-per-host 1\n", shy.url("")),
    );
    let run = fetch(
        &[&shy, &other],
        &format!("--max-per-host 3 --limits {limits}"),
    );
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(shy.connections(), 1);
    assert_eq!(other.connections(), 3);
}

#[test]
fn which_may_be_higher_than_the_others() {
    let server = Server::start();
    let files = Files::new();
    let limits = files.write("limits", format!("{} max-per-host 6", server.url("")));
    let flags = format!("--max-per-host 1 --limits {limits}");
    let hanging = server.url("/hang");
    let child = crate::program::command(&format!(
        "fetch {hanging} --repeat 20 {flags} --timeout 30s"
    ))
    .stdout(std::process::Stdio::null())
    .stderr(std::process::Stdio::null())
    .spawn();
    let mut child = child.unwrap();
    for _ in 0..6 {
        server.wait_for_a_hang();
    }
    assert_eq!(server.connections(), 6);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_file_that_is_not_understood_is_told_with_its_line() {
    let files = Files::new();
    let nonsense = files.write("nonsense", "http://a max-per-host 1\n\nhttp://b many\n");
    let twice = files.write(
        "twice",
        "http://a max-per-host 1\nHTTP://A:80 max-per-host 2\n",
    );
    let binary = files.write("binary", b"http://a max-per-host 1\n\xff\xfe");
    let server = Server::start();
    for (path, said) in [
        (
            nonsense.as_str(),
            "nonsense:3: \"many\" is no limit; there is max-per-host",
        ),
        (twice.as_str(), "twice:2: line 1 is about the same host"),
        (binary.as_str(), "can not read"),
        (
            "/nowhere/at/all",
            "can not read /nowhere/at/all: No such file",
        ),
        ("/", "can not read /: Is a directory"),
    ] {
        let run = fetch(&[&server], &format!("--limits {path}"));
        assert_eq!(run.code, Some(2), "{path}: {run:?}");
        assert!(run.stderr.contains(said), "{path}: {run:?}");
        assert!(run.stderr.contains("--limits"), "{path}: {run:?}");
        assert_eq!(run.stdout, "", "{path}: {run:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn waiting_for_one_is_a_time_out_that_says_so() {
    let server = Server::start();
    let files = Files::new();
    let limits = files.write("limits", format!("{} max-per-host 1", server.url("")));
    let run = keepalive(&format!(
        "fetch {} {} --limits {limits} --jobs 2 --timeout 300ms --jsonl -",
        server.url("/hang"),
        server.url("/hang"),
    ));
    assert_eq!(run.code, Some(1), "{run:?}");
    let results = run.results();
    let functions: Vec<&Value> = results
        .iter()
        .map(|one| &one["error"]["function"])
        .collect();
    assert!(functions.contains(&&Value::from("queue")), "{run:?}");
}
