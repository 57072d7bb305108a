use std::process::Stdio;

use crate::program::{cli, command, ended, keepalive, keepalive_with};
use crate::server::{Server, refusing_url};

#[test]
fn a_run_without_failures_exits_with_0_and_a_summary() {
    let server = Server::start();
    let run = cli!(
        "fetch {} {} --repeat 10 --max-per-host 2",
        server.url("/a"),
        server.url("/b?c")
    )
    .exits(0);
    assert_eq!(run.stderr, "");
    assert!(run.stdout.starts_with("host "), "{run:?}");
    let host = server.url("");
    let row = run.stdout.lines().find(|line| line.starts_with(&host));
    let row: Vec<_> = row.unwrap().split_whitespace().collect();
    assert_eq!(row[2], "20");
    // A connection that became free may have cancelled an attempt.
    assert!(row[3].parse::<u32>().unwrap() <= 2, "{run:?}");
    let total = run.stdout.lines().find(|line| line.starts_with("total"));
    assert_eq!(total.unwrap().split_whitespace().nth(2), Some("20"));
    assert!(run.stdout.contains("20 fetched, 0 failed, 100 B in "));
    assert!(!run.stdout.contains('\x1b'), "colour without a terminal");
    assert_eq!(server.paths().len(), 20);
}

#[test]
fn a_run_with_a_failure_fetches_the_rest_and_exits_with_1() {
    let server = Server::start();
    let refusing = refusing_url();
    let run = cli!("fetch {refusing} {}", server.url("/a")).exits(1);
    run.complains(&refusing);
    run.complains("connect 127.0.0.1:");
    run.prints("1 fetched, 1 failed");
    assert_eq!(server.paths(), ["/a"]);
}

#[test]
fn only_the_first_failures_are_shown_one_by_one() {
    let run = cli!("fetch {} --repeat 50", refusing_url()).exits(1);
    assert_eq!(run.stderr.lines().count(), 21, "{run:?}");
    run.complains("only counted");
    run.prints("0 fetched, 50 failed");
}

#[test]
fn an_error_status_is_a_failure_only_with_fail() {
    let server = Server::start();
    let urls = format!("{} {}", server.url("/missing"), server.url("/a"));
    cli!("fetch {urls}").exits(0);
    let run = cli!("fetch --fail {urls}").exits(1);
    run.complains("404 Not Found");
    run.prints("1 fetched, 1 failed");
}

#[test]
fn an_invalid_command_line_exits_with_2() {
    let server = Server::start();
    let url = server.url("/a");
    for line in [
        String::new(),
        "fetch".to_owned(),
        format!("fetch {url} ftp://127.0.0.1/"),
        format!("fetch {url} http://256.1.1.1/"),
        format!("fetch {url} --max-per-host 0"),
        format!("fetch {url} --max-open 0"),
        format!("fetch {url} --timeout 0"),
        format!("fetch {url} --timeout 5x"),
        format!("fetch {url} --jobs 0"),
        format!("fetch {url} --repeat 0"),
        format!("fetch {url} --bind localhost"),
        format!("fetch {url} --input /nowhere/at/all"),
        format!("fetch {url} --jsonl /nowhere/at/all"),
        format!("fetch {url} --output /dev/null/x"),
        "fetch --input - --input -".to_owned(),
    ] {
        let run = keepalive(&line).exits(2);
        assert_eq!(run.stdout, "", "{line}: {run:?}");
        assert!(run.stderr.len() > 20, "{line}: {run:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn an_invalid_limit_is_named() {
    let run = keepalive("fetch http://127.0.0.1/ --max-per-host 0");
    run.complains("--max-per-host");
}

#[test]
fn errors_and_results_do_not_contain_the_password_of_a_url() {
    let refusing = refusing_url().replace("http://", "http://me:secret@");
    for (url, code) in [(&*refusing, 1), ("http://me:secret@a b/", 2)] {
        let run = keepalive_with(&["fetch", "--jsonl", "-", url], "").exits(code);
        assert!(!run.stderr.contains("secret"), "{run:?}");
        assert!(!run.stdout.contains("secret"), "{run:?}");
    }
}

#[test]
fn help_exits_with_0_and_lists_the_exit_codes() {
    for flag in ["-h", "--help", "--manual"] {
        let run = cli!("fetch {flag}").exits(0);
        run.prints("Exit codes:");
        run.prints("--fail");
    }
}

#[test]
fn help_fits_three_screens_and_the_manual_has_all_its_flags() {
    let help = keepalive("fetch --help").stdout;
    assert!(help.lines().count() <= 3 * 24, "{help}");
    let widest = help.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(100), "{help}");
    let manual = keepalive("fetch --manual").stdout;
    assert!(manual.contains("A slow host does not delay"), "{manual}");
    let flags = |text: &str| {
        text.split_whitespace()
            .filter(|word| word.starts_with("--"))
            .map(str::to_owned)
            .collect::<std::collections::BTreeSet<_>>()
    };
    for flag in flags(&help) {
        assert!(manual.contains(&flag), "{flag}");
    }
}

#[test]
fn a_fetch_into_a_closed_pipe_exits_with_1_and_says_so() {
    let server = Server::start();
    for options in ["", "--repeat 2", "--repeat 2 --output -", "--jsonl -"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = command(&format!("fetch {} {options}", server.url("/a")))
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let run = ended(options, child.wait_with_output().unwrap()).exits(1);
        run.complains("standard output");
    }
}

#[test]
fn a_run_ends_when_the_reader_of_its_output_leaves() {
    for flags in ["--jsonl -", "--output -"] {
        let server = Server::start();
        let (mut reader, writer) = std::io::pipe().unwrap();
        let url = server.url("/a");
        let child = command(&format!("fetch {url} --repeat 1000000 {flags}"))
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Read::read_exact(&mut reader, &mut [0]).unwrap();
        drop(reader);
        let run = ended(flags, child.wait_with_output().unwrap()).exits(1);
        run.complains("stopped early");
        assert!(server.paths().len() < 1_000_000, "{flags}");
    }
}
