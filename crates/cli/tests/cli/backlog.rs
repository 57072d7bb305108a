//! Hosts that do not respond do not delay other hosts.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};

use crate::program::{command, on_a_terminal};
use crate::server::Server;

fn start(flags: &str) -> Child {
    command(&format!(
        "fetch --input - --jsonl - --jobs 20 --timeout 5s {flags}"
    ))
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .stderr(Stdio::null())
    .spawn()
    .unwrap()
}

/// Runs until the first results, and returns their URLs in order.
fn first_urls(mut child: Child, count: usize) -> Vec<String> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let urls = lines.take(count).map(|line| {
        let result: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        result["url"].as_str().unwrap().to_owned()
    });
    let urls = urls.collect();
    child.kill().unwrap();
    child.wait().unwrap();
    urls
}

#[test]
fn the_input_is_read_on_to_other_hosts_while_a_host_hangs() {
    let servers = [(); 4].map(|()| Server::start());
    let [quick, slow @ ..] = &servers;
    let mut child = start("");
    let mut lines = String::new();
    for server in slow {
        lines.push_str(&format!("{}\n", server.url("/hang")).repeat(300));
    }
    for number in 0..50 {
        lines.push_str(&format!("{}\n", quick.url(&format!("/{number}"))));
    }
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(lines.as_bytes()).unwrap();
    let urls = first_urls(child, 50);
    let is_quick = |url: &&String| url.starts_with(&quick.url("/"));
    assert_eq!(urls.iter().filter(is_quick).count(), 50, "{urls:?}");
}

#[test]
fn a_host_late_in_the_input_gets_a_job() {
    let [quick, slow] = [(); 2].map(|()| Server::start());
    let mut child = start("");
    let mut stdin = child.stdin.take().unwrap();
    let lines = format!("{}\n", slow.url("/hang")).repeat(100);
    stdin.write_all(lines.as_bytes()).unwrap();
    for _ in 0..4 {
        slow.wait_for_a_hang();
    }
    writeln!(stdin, "{}", quick.url("/a")).unwrap();
    assert_eq!(first_urls(child, 1), [quick.url("/a")]);
}

#[test]
fn the_number_of_a_result_is_its_place_in_the_input() {
    let [one, other] = [(); 2].map(|()| Server::start());
    let mut child = start("--repeat 2");
    let mut stdin = child.stdin.take().unwrap();
    for number in 0..40 {
        let server = [&one, &other][usize::from(number % 3 == 0)];
        writeln!(stdin, "{}", server.url(&format!("/{number}"))).unwrap();
    }
    drop(stdin);
    let run = crate::program::ended("fetch", child.wait_with_output().unwrap());
    for (result, number) in run.results().iter().zip(0..) {
        let url = result["url"].as_str().unwrap();
        assert!(url.ends_with(&format!("/{}", number / 2)), "{result}");
    }
    assert_eq!(run.results().len(), 80);
}

#[test]
fn the_progress_of_a_file_has_a_percentage_and_a_remaining_time() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("urls.txt");
    fs::write(&file, format!("{}\n", server.url("/a")).repeat(3000)).unwrap();
    let (shown, code) = on_a_terminal(&format!("fetch --input {}", file.display()));
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("% of "), "{shown}");
    assert!(shown.contains(" to go "), "{shown}");
}
