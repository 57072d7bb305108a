//! SIGINT and SIGTERM.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::program::command;
use crate::server::Server;

#[test]
fn a_signal_prints_the_summary_so_far_and_leaves_no_part_of_a_file() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let server = Server::start();
        let folder = tempfile::tempdir().unwrap();
        let mut child = command(&format!(
            "fetch {} {} {} --jsonl - --output {} --input -",
            server.url("/a"),
            server.url("/b"),
            server.url("/hang-in-body"),
            folder.path().display()
        ))
        // The pipe stays open without data, as if more input could come.
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
        kill(signal, child.id());
        let status = child.wait().unwrap();
        let mut stderr = String::new();
        let mut pipe = child.stderr.take().unwrap();
        pipe.read_to_string(&mut stderr).unwrap();
        assert_eq!(status.code(), Some(code), "{signal}: {stderr}");
        assert!(stderr.contains("2 fetched, 0 failed"), "{signal}: {stderr}");
        assert!(stderr.contains("not counted: 1"), "{signal}: {stderr}");
        assert!(lines.next().is_none(), "{signal}");
        let saved = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(saved, 2, "{signal}: the file begun is removed");
    }
}

#[test]
fn a_signal_ends_a_probe_which_shows_its_steps_so_far() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for (signal, code, said) in [("INT", 130, "Ctrl-C"), ("TERM", 143, "SIGTERM")] {
        let child = command(&format!("probe https://{address} --timeout 1h"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The handshake has begun, so the process listens for signals.
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0]).unwrap();
        kill(signal, child.id());
        let run = crate::program::ended(signal, child.wait_with_output().unwrap()).exits(code);
        run.complains(format!("broken off by {said}"));
        run.prints("connected");
    }
}

fn kill(signal: &str, process: u32) {
    let killed = Command::new("kill")
        .args([&format!("-{signal}"), &process.to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
}
