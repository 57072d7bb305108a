//! With few file descriptors, fetches wait and do not fail.
#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::program::{Ended, ended};
use crate::server::Server;

/// Runs under a limit on descriptors, set by `ulimit`.
fn limited(ulimit: &str, flags: &str) -> Command {
    let program = env!("CARGO_BIN_EXE_keepalive");
    let mut command = Command::new("sh");
    let line = format!("ulimit {ulimit} && exec {program} fetch {flags}");
    command.args(["-c", &line]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(ulimit: &str, flags: &str, input: &str) -> Ended {
    let mut child = limited(ulimit, flags).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    ended(flags, child.wait_with_output().unwrap())
}

/// URLs of 200 hosts that are all one server.
fn urls(server: &Server, count: usize, path: &str) -> String {
    let mut urls = String::new();
    for number in 0..count {
        let host = 1 + number % 200;
        writeln!(urls, "http://127.0.1.{host}:{}{path}", server.port()).unwrap();
    }
    urls
}

#[test]
fn two_thousand_urls_under_64_descriptors_do_not_fail() {
    let server = Server::listening("0.0.0.0");
    let urls = urls(&server, 2000, "/a");
    let folder = tempfile::tempdir().unwrap();
    let saved = format!("--output {}", folder.path().display());
    for (flags, max_open) in [("", 40), (&*saved, 20)] {
        let run = run("-n 64", &format!("--input - {flags}"), &urls).exits(0);
        run.prints("2,000 fetched, 0 failed");
        let complaints: Vec<_> = run.stderr.lines().collect();
        let [complaint] = complaints[..] else {
            panic!("it is said once: {run:?}");
        };
        assert!(complaint.contains("--max-open 128"), "{run:?}");
        assert!(
            complaint.contains(&format!("lowered to {max_open}")),
            "{run:?}"
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2000);
}

#[test]
fn a_single_url_does_not_warn_of_few_descriptors() {
    let server = Server::start();
    let run = run("-n 64", &server.url("/a"), "");
    assert_eq!(
        (run.code, &*run.stdout, &*run.stderr),
        (Some(0), "hello", "")
    );
}

#[test]
fn the_soft_limit_on_descriptors_is_raised_to_the_hard_limit() {
    let server = Server::listening("0.0.0.0");
    let mut child = limited("-Sn 64", "--input -").spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(urls(&server, 128, "/hang").as_bytes())
        .unwrap();
    drop(stdin);
    for _ in 0..128 {
        server.wait_for_a_hang();
    }
    child.kill().unwrap();
    let run = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(run.stderr).unwrap(), "");
}
