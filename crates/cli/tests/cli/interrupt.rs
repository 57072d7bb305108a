//! Ctrl-C.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::program::command;
use crate::server::Server;

#[test]
fn ctrl_c_prints_the_summary_so_far() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let mut child = command(&format!(
        "fetch {} {} {} --jsonl - --output {} -i -",
        server.url("/a"),
        server.url("/b"),
        server.url("/hang-in-body"),
        folder.path().display()
    ))
    // Never written to and never closed: more could come.
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    server.wait_for_a_hang();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        lines.next().unwrap().unwrap();
    }
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let status = child.wait().unwrap();
    let mut stderr = String::new();
    let mut pipe = child.stderr.take().unwrap();
    pipe.read_to_string(&mut stderr).unwrap();
    assert_eq!(status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("2 fetched, 0 failed"), "{stderr}");
    assert!(stderr.contains("not counted: 1"), "{stderr}");
    assert!(lines.next().is_none());
    let saved = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(saved, 2, "the file begun is removed");
}
