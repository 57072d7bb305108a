//! The file of `--limits`.

use std::process::Stdio;

use crate::program::{Ended, cli, command};
use crate::server::Server;
use crate::tls_files::Files;

/// Starts many fetches at once.
fn fetch(server: &Server, flags: &str) -> Ended {
    cli!("fetch {} --repeat 200 {flags}", server.url("/a"))
}

/// Starts fetches without a response, until so many hang at once.
fn hang(server: &Server, flags: &str, times: usize) {
    let url = server.url("/hang");
    let child = command(&format!("fetch {url} --repeat 20 {flags}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.unwrap();
    for _ in 0..times {
        server.wait_for_a_hang();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_limit_of_a_host_holds_for_that_host() {
    let server = Server::start();
    let files = Files::new();
    let limits = format!("# one\n\n{}  max-per-host 1\n", server.url(""));
    let limits = files.write("limits", limits);
    fetch(&server, &format!("--max-per-host 3 --limits {limits}")).exits(0);
    assert_eq!(server.connections(), 1);
}

#[test]
fn the_limit_of_a_host_does_not_hold_for_others() {
    let (server, other) = (Server::start(), Server::start());
    let files = Files::new();
    let limits = files.write("limits", format!("{} max-per-host 1", server.url("")));
    hang(&other, &format!("--max-per-host 3 --limits {limits}"), 3);
}

#[test]
fn the_limit_of_a_host_may_exceed_max_per_host() {
    let server = Server::start();
    let files = Files::new();
    let limits = files.write("limits", format!("{} max-per-host 6", server.url("")));
    hang(&server, &format!("--max-per-host 1 --limits {limits}"), 6);
    assert_eq!(server.connections(), 6);
}

#[test]
fn the_limit_of_a_forwarding_proxy_holds_for_its_requests() {
    let proxy = Server::start();
    let files = Files::new();
    let limits = files.write("limits", format!("{} max-per-host 1", proxy.url("")));
    cli!(
        "fetch http://h.test/a --repeat 50 --max-per-host 3 --limits {limits} --proxy {}",
        proxy.url("")
    )
    .exits(0);
    assert_eq!(proxy.connections(), 1);
}

#[test]
fn a_fault_in_the_limits_file_is_reported_with_its_line() {
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
        let run = fetch(&server, &format!("--limits {path}")).exits(2);
        run.complains(said);
        run.complains("--limits");
        assert_eq!(run.stdout, "", "{path}: {run:?}");
    }
    assert_eq!(server.connections(), 0);
}
