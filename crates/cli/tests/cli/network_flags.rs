//! A flag that another one would override is an error.

use crate::program::{command, run};
use crate::server::Server;

#[test]
fn flags_that_contradict_each_other_are_refused() {
    let server = Server::start();
    for (flags, said) in [
        (
            &["--bind", "127.0.0.1", "--bind", "127.0.0.2"][..],
            "--bind: 127.0.0.1 and 127.0.0.2 are of one family",
        ),
        (
            &["--resolve", "a.test:::1", "--resolve", "A.test.:127.0.0.1"],
            "--resolve: A.test. is given twice",
        ),
        (&["--no-proxy", "localhost"], "--proxy"),
        (&["--interface", ""], "--interface"),
        (
            &["--proxy", "http://h", "--proxy-from-environment"],
            "cannot be used with",
        ),
    ] {
        for subcommand in ["fetch", "probe"] {
            let run = run(command(subcommand).arg(server.url("/a")).args(flags)).exits(2);
            run.complains(said);
            assert_eq!(run.stdout, "", "{run:?}");
        }
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn bind_takes_an_address_of_each_family() {
    let server = Server::start();
    run(command("fetch --bind 127.0.0.1 --bind ::1").arg(server.url("/a"))).exits(0);
}
