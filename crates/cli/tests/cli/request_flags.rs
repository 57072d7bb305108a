//! Invalid flags of a request are refused before any fetch, and no secret is repeated.

use crate::program::{command, run};
use crate::server::{Server, refusing_url};

#[test]
fn invalid_request_flags_are_refused_with_advice_and_without_secrets() {
    let server = Server::start();
    for (flags, said) in [
        (&["-H", "secret"][..], "--header 1: there is no colon in it"),
        (
            &["-H", "a: b", "-H", ": secret"],
            "--header 2: there is no name",
        ),
        (&["-H", "a b: secret"], "\"a b\" is no name of a header"),
        (
            &["-H", "a: sec\nret: secret"],
            "a character that can not be sent",
        ),
        (
            &["-H", "host: a", "-H", "Host: b"],
            "--header 2: a request is for one host",
        ),
        (&["-X", "GE T"], "a method is one word"),
        (&["-X", "get"], "write GET"),
        (&["-X", "CONNECT"], "--proxy"),
        (&["-d", "@/nowhere/at/all"], "/nowhere/at/all: No such file"),
        (&["-d", "@"], "name a file after it"),
        (&["-d", "@-", "-d", "@-"], "only once"),
        (&["-d", "@-", "--input", "-"], "only once"),
        (&["--resend=-1"], "--resend"),
        (&["--resend", "many"], "--resend"),
        (&["--http2", "--http1.1"], "--http1.1"),
        (&["--max-redirects", "3"], "--location"),
        (&["-L", "--max-redirects", "all"], "--max-redirects"),
    ] {
        let run = run(command("fetch").arg(server.url("/a")).args(flags)).exits(2);
        run.complains(said);
        assert!(!run.stderr.contains("secret"), "{flags:?}: {run:?}");
        assert_eq!(run.stdout, "", "{run:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn more_headers_than_the_bound_are_refused() {
    let headers = |count| (0..count).flat_map(|n| ["-H".to_owned(), format!("x{n}: y")]);
    let url = refusing_url();
    for (count, code, said) in [
        (30_000, 2, "at most 10000"),
        (10_000, 1, "Connection refused"),
    ] {
        let run = run(command("fetch").arg(&url).args(headers(count))).exits(code);
        run.complains(said);
    }
}
