//! The lines of statuses and causes in the summary.

use crate::program::{cli, keepalive_reading};
use crate::server::{Server, refusing_url};

#[test]
fn the_summary_counts_statuses_by_class() {
    let server = Server::start();
    let [fine, missing] = ["/a", "/missing"].map(|path| server.url(path));
    let run = cli!("fetch {fine} {missing} {fine} --repeat 2").exits(0);
    let lines: Vec<_> = run.stdout.lines().collect();
    assert!(lines.contains(&"2xx  4  200: 4"), "{run:?}");
    assert!(lines.contains(&"4xx  2  404: 2"), "{run:?}");
}

#[test]
fn the_summary_groups_failures_by_cause_with_an_example() {
    let server = Server::start();
    let refusing = refusing_url();
    let missing = server.url("/missing");
    for fail in ["-f", "--fail"] {
        let urls = format!("{refusing}\n{missing}\n{refusing}\n{}\n", server.url("/a"));
        let run = keepalive_reading(&format!("fetch --input - {fail}"), &urls).exits(1);
        run.prints("1 fetched, 3 failed");
        let refused = format!(
            "2 failed, connect: Connection refused (os error 111)\n    e.g. {refusing}: connect "
        );
        let refused = match cfg!(target_os = "linux") {
            true => refused,
            false => "2 failed, connect: ".to_owned(),
        };
        run.prints(&refused);
        run.prints(format!(
            "1 failed, status: 404 Not Found\n    e.g. {missing}\n"
        ));
    }
}

#[test]
fn the_summary_has_causes_of_failures_that_were_not_shown() {
    let refusing = refusing_url();
    let server = Server::start();
    let missing = server.url("/missing");
    let urls = format!("{refusing}\n").repeat(30) + &missing;
    let run = keepalive_reading("fetch --input - --jobs 1 --fail", &urls);
    assert!(!run.stderr.contains("404"), "{run:?}");
    run.prints("30 failed, connect: ");
    run.prints("1 failed, status: 404 Not Found");
}
