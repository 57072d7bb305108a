use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{command, keepalive, keepalive_reading, shown_on_a_terminal};
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
fn nothing_outside_the_folder_is_written() {
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
    let run = keepalive_reading(
        &format!("fetch --input - --output {}", inside.display()),
        &urls,
    );
    assert_eq!(run.code, Some(0), "{run:?}");
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
fn only_whole_bodies_are_saved_and_the_report_names_them() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let run = keepalive(&format!(
        "fetch {} {} {} --fail --jsonl - --output {}",
        server.url("/cut"),
        server.url("/missing"),
        server.url("/whole.txt"),
        folder.path().display()
    ));
    assert_eq!(run.code, Some(1), "{run:?}");
    let results = run.results();
    assert_eq!(results[0]["file"], Value::Null);
    assert_eq!(results[1]["file"], Value::Null);
    assert_eq!(results[2]["file"], "000003-127.0.0.1-whole.txt");
    assert_eq!(names(folder.path()), ["000003-127.0.0.1-whole.txt"]);
}

#[test]
fn a_file_that_can_not_be_written_is_a_failure_of_its_fetch() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    // The name of the first is taken by a folder.
    fs::create_dir(folder.path().join("000001-127.0.0.1-a")).unwrap();
    let run = keepalive(&format!(
        "fetch {} {} --jsonl - --output {}",
        server.url("/a"),
        server.url("/b"),
        folder.path().display()
    ));
    assert_eq!(run.code, Some(1), "{run:?}");
    let results = run.results();
    assert_eq!(results[0]["error"]["function"], "write", "{run:?}");
    assert_eq!(results[1]["error"], Value::Null, "{run:?}");
    assert_eq!(
        names(folder.path()),
        ["000001-127.0.0.1-a", "000002-127.0.0.1-b"]
    );
}

#[test]
fn a_summary_is_coloured_only_on_a_terminal_that_takes_colours() {
    let server = Server::start();
    let summary = |environment: &[(&str, &str)]| {
        let mut command = command(&format!("fetch {} --repeat 2", server.url("/a")));
        for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(variable);
        }
        command.env("TERM", "xterm");
        command.envs(environment.iter().copied());
        let (shown, code) = shown_on_a_terminal(command);
        assert_eq!(code, Some(0), "{shown:?}");
        shown
    };
    let bold = "\x1b[1mrequests\x1b[0m";
    assert!(summary(&[]).contains(bold));
    assert!(summary(&[("NO_COLOR", "")]).contains(bold));
    for environment in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let shown = summary(&[environment]);
        assert!(shown.contains("  requests  "), "{environment:?}: {shown:?}");
        assert!(!shown.contains("\x1b[1m"), "{environment:?}: {shown:?}");
    }
}
