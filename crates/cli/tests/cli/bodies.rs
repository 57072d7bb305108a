//! The destination of bodies: standard output, `-o` and `-O`.

use std::fs;
use std::io::Read;
use std::path::Path;

use tempfile::TempDir;

use crate::program::{Ended, cli, command, on_a_terminal, run};
use crate::server::Server;
use crate::site::{Site, gzip};

/// Fetches `what` by a program whose working directory is `folder`.
fn fetch_in(folder: &TempDir, what: &str) -> Ended {
    run(command(&format!("fetch {what}")).current_dir(folder))
}

/// The files in `folder` and below, with their content.
fn files(folder: &Path) -> String {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        files.push(match path.is_dir() {
            true => format!("{name}/({})", self::files(&path)),
            false => format!("{name}: {}", fs::read_to_string(&path).unwrap()),
        });
    }
    files.sort();
    files.join(", ")
}

#[test]
fn each_combination_of_urls_and_flags_has_its_destination_of_bodies() {
    const SUMMARY: &str = "[summary]";
    let server = Server::start();
    let [a, b] = ["/a", "/b"].map(|path| server.url(path));
    let one = "folder/(000001-127.0.0.1-a: hello)";
    let both = "folder/(000001-127.0.0.1-a: hello, 000002-127.0.0.1-b: hello)";
    // The flags, and the expected standard output, standard error and files.
    for (flags, stdout, stderr, saved) in [
        (a.clone(), "hello", "", ""),
        (format!("{a} --summary"), "hello", SUMMARY, ""),
        (format!("{a} -o -"), "hello", "", ""),
        (format!("{a} -o file"), "", "", "file: hello"),
        (
            format!("{a} --output file --summary"),
            "",
            SUMMARY,
            "file: hello",
        ),
        (format!("{a} -o there"), "", "", ""),
        (format!("{a} -O"), "", "", "a: hello"),
        (format!("{a} --remote-name"), "", "", "a: hello"),
        (format!("{a} -o folder/"), SUMMARY, "", one),
        (format!("{a} --jsonl lines"), "hello", "", ""),
        (format!("{a} --jsonl -"), "{}", SUMMARY, ""),
        (format!("{a} --jsonl - -o file"), "{}", "", "file: hello"),
        (format!("{a} {b}"), SUMMARY, "", ""),
        (format!("{a} {b} -o -"), "hellohello", SUMMARY, ""),
        (format!("{a} {b} -o folder"), SUMMARY, "", both),
        (format!("{a} {b} -O"), SUMMARY, "", "a: hello, b: hello"),
        (
            format!("{a} {b} -O --jsonl lines"),
            SUMMARY,
            "",
            "a: hello, b: hello",
        ),
        (format!("{a} --repeat 2"), SUMMARY, "", ""),
        (format!("{a} --repeat 2 -o -"), "hellohello", SUMMARY, ""),
        ("--input urls".to_owned(), SUMMARY, "", ""),
        ("--input urls -o folder".to_owned(), SUMMARY, "", one),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("urls"), &a).unwrap();
        let there = folder.path().join("there");
        fs::write(&there, "of an earlier run").unwrap();
        let run = fetch_in(&folder, &flags).exits(0);
        for (text, expected) in [(&run.stdout, stdout), (&run.stderr, stderr)] {
            match expected {
                SUMMARY => assert!(text.contains(" fetched, 0 failed"), "{flags}: {run:?}"),
                "{}" => assert!(text.starts_with("{\"number\":1"), "{flags}: {run:?}"),
                text_of_bodies => assert_eq!(text, text_of_bodies, "{flags}: {run:?}"),
            }
        }
        let replaced = flags.ends_with("-o there");
        let left = ["of an earlier run", "hello"][usize::from(replaced)];
        assert_eq!(fs::read_to_string(&there).unwrap(), left, "{flags}");
        for given in ["urls", "there", "lines"] {
            let _ = fs::remove_file(folder.path().join(given));
        }
        assert_eq!(files(folder.path()), saved, "{flags}: {run:?}");
    }
}

#[test]
fn a_failed_body_leaves_no_file_and_keeps_an_earlier_one() {
    let server = Server::start();
    for (path, flags) in [
        ("/cut", "-o file"),
        ("/missing", "-o file --fail"),
        ("/cut", "-O"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for name in ["file", "cut"] {
            fs::write(folder.path().join(name), "whole").unwrap();
        }
        let run = fetch_in(&folder, &format!("{} {flags}", server.url(path))).exits(1);
        assert_eq!(run.stdout, "", "{flags}: {run:?}");
        assert_eq!(files(folder.path()), "cut: whole, file: whole", "{flags}");
    }
}

#[test]
fn the_body_of_an_error_status_is_written_unless_fail_is_given() {
    let server = Server::start();
    let run = cli!("fetch {}", server.url("/missing"));
    assert_eq!((run.code, &*run.stdout), (Some(0), "nothing here"));
    let run = cli!("fetch {} --fail", server.url("/missing"));
    assert_eq!((run.code, &*run.stdout), (Some(1), ""));
    run.complains("404 Not Found");
}

#[test]
fn an_output_file_that_is_a_link_is_written_through() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let link = |name: &str, aim: &str| {
        std::os::unix::fs::symlink(aim, folder.path().join(name)).unwrap();
    };
    // Devices are tried through links: a bug would replace /dev/null with a file.
    link("to-file", "aim");
    link("to-null", "/dev/null");
    link("to-stdout", "/proc/self/fd/1");
    fs::write(folder.path().join("aim"), "an earlier body").unwrap();
    for (place, stdout) in [("to-file", ""), ("to-null", ""), ("to-stdout", "hello")] {
        let run = fetch_in(&folder, &format!("{} -o {place}", server.url("/a"))).exits(0);
        assert_eq!(run.stdout, stdout, "{place}: {run:?}");
        let metadata = fs::symlink_metadata(folder.path().join(place)).unwrap();
        assert!(metadata.is_symlink(), "{place}");
    }
    let aim = fs::read_to_string(folder.path().join("aim")).unwrap();
    assert_eq!(aim, "hello");
}

#[test]
fn a_second_body_of_the_same_remote_name_is_a_failure() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let [one, other, none] = ["/x/a", "/y/a", "/x/"].map(|path| server.url(path));
    let run = fetch_in(&folder, &format!("-O --jobs 1 {one} {other} {none}")).exits(1);
    run.complains("another URL of this run was saved as a");
    run.complains("without the name of a file");
    assert_eq!(files(folder.path()), "a: hello");
}

#[test]
fn bodies_on_standard_output_do_not_mix() {
    let server = Server::start();
    let run = cli!("fetch {} --repeat 500 --jobs 50 -o -", server.url("/a"));
    assert_eq!(run.stdout, "hello".repeat(500));
}

#[test]
fn two_uses_of_one_destination_are_refused() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("read"), "x").unwrap();
    for (flags, said) in [
        ("--jsonl - -o -", "standard output is for the lines"),
        ("--jsonl - -i", "standard output is for the lines"),
        ("-d @read -o read", "--output would write over read"),
        (
            "--jsonl both -o both",
            "--jsonl and --output would both write to both",
        ),
        ("-o there -O", "cannot be used with"),
        ("-o no/folder", "can not write no/folder"),
        ("--jsonl-headers", "--jsonl"),
    ] {
        fs::write(folder.path().join("both"), "").unwrap();
        let run = fetch_in(&folder, &format!("{} {flags}", server.url("/a"))).exits(2);
        run.complains(said);
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn binary_data_goes_to_a_terminal_only_with_output_dash() {
    let site = Site::start();
    assert!(gzip().contains(&0));
    let url = site.url("/gzip");
    let (shown, code) = on_a_terminal(&format!("fetch {url}"));
    assert_eq!(code, Some(1), "{shown:?}");
    assert!(shown.contains("the body is binary"), "{shown:?}");
    assert!(shown.contains("--output FILE"), "{shown:?}");
    assert!(!shown.contains('\0'), "{shown:?}");
    let (shown, code) = on_a_terminal(&format!("fetch {url} --output -"));
    assert_eq!(code, Some(0), "{shown:?}");
    assert!(shown.contains('\0'), "{shown:?}");
    let (shown, code) = on_a_terminal(&format!("fetch {}", site.url("/a")));
    assert_eq!((&*shown, code), ("hello", Some(0)));
}

#[test]
fn a_slow_reader_of_the_body_is_no_timeout() {
    let server = Server::start();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut child = command(&format!("fetch {} --timeout 500ms", server.url("/long")))
        .stdout(writer)
        .spawn()
        .unwrap();
    // The pipe is full long before the end of the body, and stays full for longer than the timeout.
    reader.read_exact(&mut [0]).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let rest = std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
    assert_eq!(rest + 1, crate::server::LONG as u64);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
