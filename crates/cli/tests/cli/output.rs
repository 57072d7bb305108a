use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{cli, keepalive_reading};
use crate::server::Server;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn no_url_writes_a_file_outside_the_output_folder() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("a/b/in");
    let paths = [
        "/../../../escaped",
        "/..",
        "/%2e%2e/%2e%2e/escaped",
        "/..%2f..%2fescaped",
        "//etc/passwd",
        "/x/./../..//../escaped",
        "/~/.bashrc",
    ];
    let urls: String = paths.iter().map(|path| server.url(path) + "\n").collect();
    keepalive_reading(
        &format!("fetch --input - --output {}", inside.display()),
        &urls,
    )
    .exits(0);
    assert_eq!(names(folder.path()), ["a"]);
    assert_eq!(names(&folder.path().join("a")), ["b"]);
    assert_eq!(names(&folder.path().join("a/b")), ["in"]);
    let saved = names(&inside);
    assert_eq!(saved.len(), paths.len(), "{saved:?}");
    for (name, number) in saved.iter().zip(1..) {
        assert!(name.starts_with(&format!("{number:06}-127.0.0.1")));
        assert_eq!(fs::read_to_string(inside.join(name)).unwrap(), "hello");
    }
}

#[test]
fn only_complete_bodies_are_saved_and_the_results_name_their_files() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let run = cli!(
        "fetch {} {} {} --fail --jsonl - --output {}",
        server.url("/cut"),
        server.url("/missing"),
        server.url("/whole.txt"),
        folder.path().display()
    )
    .exits(1);
    let results = run.results();
    assert_eq!(results[0]["file"], Value::Null);
    assert_eq!(results[1]["file"], Value::Null);
    assert_eq!(results[2]["file"], "000003-127.0.0.1-whole.txt");
    assert_eq!(names(folder.path()), ["000003-127.0.0.1-whole.txt"]);
}

#[test]
fn an_unwritable_file_is_a_failure_of_its_fetch() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    // The name of the first is taken by a folder.
    fs::create_dir(folder.path().join("000001-127.0.0.1-a")).unwrap();
    let run = cli!(
        "fetch {} {} --jsonl - --output {}",
        server.url("/a"),
        server.url("/b"),
        folder.path().display()
    )
    .exits(1);
    let results = run.results();
    assert_eq!(results[0]["error"]["function"], "write", "{run:?}");
    assert_eq!(results[1]["error"], Value::Null, "{run:?}");
    assert_eq!(
        names(folder.path()),
        ["000001-127.0.0.1-a", "000002-127.0.0.1-b"]
    );
}
