//! `--compressed` accepts packed bodies, unpacks them, and shows both lengths.

use std::fs;

use serde_json::Value;

use crate::program::{Ended, cli};
use crate::site::{Site, TEXT, gzip};

fn fetch(site: &Site, path: &str, flags: &str, code: i32) -> (Ended, Value) {
    let run = cli!("fetch {} {flags} --jsonl -", site.url(path)).exits(code);
    let result = run.result();
    (run, result)
}

#[test]
fn compressed_offers_and_unpacks_all_known_codings() {
    let site = Site::start();
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().display();
    for (path, name) in [
        ("/gzip", "000001-127.0.0.1-gzip"),
        ("/gzip-twice", "000001-127.0.0.1-gzip-twice"),
        ("/deflate", "000001-127.0.0.1-deflate"),
        ("/deflate-raw", "000001-127.0.0.1-deflate-raw"),
        ("/br", "000001-127.0.0.1-br"),
        ("/zstd", "000001-127.0.0.1-zstd"),
    ] {
        let (run, result) = fetch(&site, path, &format!("--compressed --output {output}"), 0);
        assert_eq!(result["unpacked_bytes"], TEXT.len(), "{run:?}");
        assert!(result["bytes"] != TEXT.len(), "{run:?}");
        assert_eq!(result["content_encoding"], Value::Null, "{run:?}");
        assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), TEXT);
        let offered = site.asked().pop().unwrap();
        assert_eq!(
            offered.header("accept-encoding"),
            Some("gzip, deflate, br, zstd")
        );
    }
}

#[test]
fn compressed_knows_codings_by_all_their_names() {
    let site = Site::start();
    for path in ["/gzip-shouted", "/gzip-of-old"] {
        let (run, result) = fetch(&site, path, "--compressed", 0);
        assert_eq!(result["unpacked_bytes"], TEXT.len(), "{run:?}");
    }
}

#[test]
fn compressed_shows_packed_and_unpacked_lengths() {
    let site = Site::start();
    let (run, result) = fetch(&site, "/gzip", "--compressed", 0);
    assert_eq!(result["bytes"], gzip().len());
    run.complains(format!("{} B ({} B unpacked) in", gzip().len(), TEXT.len()));
}

#[test]
fn compressed_takes_a_body_that_is_not_packed() {
    let site = Site::start();
    let (run, result) = fetch(&site, "/a", "--compressed", 0);
    assert_eq!(result["bytes"], 5);
    assert_eq!(result["unpacked_bytes"], Value::Null);
    assert!(!run.stderr.contains("unpacked"), "{run:?}");
}

#[test]
fn a_coded_body_without_compressed_is_left_coded_and_marked() {
    let site = Site::start();
    let (run, result) = fetch(&site, "/gzip", "", 0);
    assert_eq!(result["bytes"], gzip().len());
    assert_eq!(result["unpacked_bytes"], Value::Null);
    assert_eq!(result["content_encoding"], "gzip");
    run.complains("bodies left coded as they were sent");
    assert_eq!(site.asked()[0].header("accept-encoding"), None);
}

#[test]
fn max_filesize_counts_unpacked_bytes() {
    let site = Site::start();
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().display();
    for (path, flags, fits) in [
        ("/bomb", "--compressed --max-filesize 1M", true),
        ("/bomb", "--compressed --max-filesize 1023k", false),
        ("/bomb", "--max-filesize 1023k", true),
        ("/a", "--max-filesize 5", true),
        ("/a", "--max-filesize 4", false),
    ] {
        let (run, result) = fetch(
            &site,
            path,
            &format!("{flags} --output {output}"),
            i32::from(!fits),
        );
        if !fits {
            assert_eq!(result["error"]["function"], "body", "{run:?}");
            run.complains("(--max-filesize)");
            assert_eq!(result["file"], Value::Null);
        }
    }
    let part = |entry: std::io::Result<fs::DirEntry>| {
        let name = entry.unwrap().file_name();
        name.to_string_lossy().ends_with(".part")
    };
    assert!(!fs::read_dir(folder.path()).unwrap().any(part));
}

#[test]
fn a_truncated_or_damaged_packed_body_is_a_failure_and_leaves_no_file() {
    let site = Site::start();
    let folder = tempfile::tempdir().unwrap();
    for path in ["/gzip-cut", "/gzip-torn"] {
        let flags = format!("--compressed --output {}", folder.path().display());
        let (run, result) = fetch(&site, path, &flags, 1);
        assert_eq!(result["status"], 200, "{path}: {run:?}");
        assert_eq!(result["error"]["function"], "decode", "{path}: {run:?}");
        run.complains("can not be unpacked");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{path}");
    }
}

#[test]
fn an_unknown_coding_is_a_failure() {
    let site = Site::start();
    let (run, result) = fetch(&site, "/unknown", "--compressed", 1);
    assert_eq!(result["error"]["function"], "decode", "{run:?}");
    run.complains("coded by \"compress\"");
}

#[test]
fn a_coded_response_without_a_body_is_no_failure() {
    let site = Site::start();
    let (run, result) = fetch(&site, "/gzip", "--compressed -X HEAD", 0);
    assert_eq!(result["bytes"], 0, "{run:?}");
}

#[test]
fn the_connection_is_reused_after_a_packed_body() {
    let site = Site::start();
    let run = cli!(
        "fetch {} --compressed --repeat 20 --jobs 1",
        site.url("/gzip")
    )
    .exits(0);
    let total = run.stdout.lines().find(|line| line.starts_with("total"));
    let cells: Vec<_> = total.unwrap().split_whitespace().collect();
    assert_eq!(cells[..4], ["total", "1.1", "20", "1"], "{run:?}");
}
