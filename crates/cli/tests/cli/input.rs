use std::fs;

use crate::program::{cli, keepalive_reading};
use crate::server::Server;

#[test]
fn a_bad_line_is_reported_with_its_number_and_the_rest_is_fetched() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("urls.txt");
    let text = format!(
        "# a comment\n\n{}\nhttp://not a url\n  {}  \r\nftp://127.0.0.1/\n{}",
        server.url("/a"),
        server.url("/b"),
        server.url("/c")
    );
    fs::write(&file, text).unwrap();
    let file = file.display();
    let run = cli!("fetch --input {file}").exits(1);
    let complaints: Vec<_> = run.stderr.lines().collect();
    assert_eq!(complaints.len(), 2, "{run:?}");
    assert!(complaints[0].contains(&format!("{file}:4: not a URL")));
    assert!(complaints[1].contains(&format!("{file}:6: not a URL: the scheme \"ftp\"")));
    assert_eq!(server.paths(), ["/a", "/b", "/c"]);
    run.prints("3 fetched, 0 failed");
}

#[test]
fn standard_input_files_and_arguments_are_read_in_turn() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("urls.txt");
    fs::write(&file, server.url("/file")).unwrap();
    let run = keepalive_reading(
        &format!(
            "fetch --jsonl - --jobs 1 --input - --input {} {}",
            file.display(),
            server.url("/argument")
        ),
        &format!("{}\n\n#\n{}\n", server.url("/b"), server.url("/a")),
    )
    .exits(0);
    let urls: Vec<_> = run
        .results()
        .iter()
        .map(|result| result["url"].as_str().unwrap().to_owned())
        .collect();
    let expected = ["/argument", "/b", "/a", "/file"].map(|path| server.url(path));
    assert_eq!(urls, expected);
}

#[test]
fn an_empty_input_ends_at_once_without_a_failure() {
    let run = keepalive_reading("fetch --input -", "# nothing\n").exits(0);
    run.prints("0 fetched, 0 failed");
}

#[test]
fn an_unreadable_input_file_exits_with_1_and_the_rest_is_fetched() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let run = cli!(
        "fetch --input {} {}",
        folder.path().display(),
        server.url("/a")
    )
    .exits(1);
    run.complains("can not be read");
    assert_eq!(server.paths(), ["/a"]);
}
