//! `--jsonl` never overwrites a file that the run reads.

use std::fs;

use crate::program::cli;
use crate::server::Server;

#[test]
fn results_into_a_file_that_is_read_are_refused_and_the_file_is_kept() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("urls.txt");
    let text = format!("{}\n", server.url("/a"));
    fs::write(&file, &text).unwrap();
    let link = folder.path().join("link.txt");
    fs::hard_link(&file, &link).unwrap();
    let (file, link, url) = (file.display(), link.display(), server.url("/b"));
    for flags in [
        format!("--input {file} --jsonl {file}"),
        format!("--input {file} --jsonl {link}"),
        format!("{url} -d @{file} --jsonl {file}"),
        format!("{url} --cacert {file} --jsonl {file}"),
    ] {
        cli!("fetch {flags}").exits(2);
        assert_eq!(
            fs::read_to_string(folder.path().join("urls.txt")).unwrap(),
            text
        );
    }
    let run = cli!("fetch --input {file} --jsonl {link}");
    run.complains(format!("--jsonl would write over {file}"));
    assert_eq!(server.connections(), 0);
}

#[test]
fn results_into_another_file_replace_it() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("urls.txt");
    fs::write(&file, server.url("/a")).unwrap();
    let results = folder.path().join("results.jsonl");
    fs::write(&results, "of an earlier run").unwrap();
    let (file, shown) = (file.display(), results.display());
    cli!("fetch --input {file} --jsonl {shown}").exits(0);
    let text = fs::read_to_string(&results).unwrap();
    assert!(text.starts_with("{\"number\":1,"), "{text}");
}
