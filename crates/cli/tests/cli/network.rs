//! The flags for connections.

use crate::program::{cli, command, run};
use crate::server::{Server, refusing_url};

#[test]
fn resolve_replaces_the_lookup_of_a_host() {
    let server = Server::start();
    let port = server.port();
    cli!("fetch http://only.here.test:{port}/a --resolve only.here.test:127.0.0.1").exits(0);
    assert_eq!(server.paths(), ["/a"]);
}

#[test]
fn the_next_address_of_resolve_is_tried_after_a_refused_one() {
    let server = Server::start();
    let port = server.port();
    cli!("fetch http://two.test:{port}/a --resolve two.test:127.0.0.77,127.0.0.1").exits(0);
}

#[test]
fn an_error_shows_every_address_that_failed() {
    let server = Server::start();
    let port = server.port();
    let run =
        cli!("fetch http://two.test:{port}/a --resolve two.test:127.0.0.77,127.0.0.78").exits(1);
    for last in [77, 78] {
        run.complains(format!("127.0.0.{last}:{port}"));
    }
}

#[test]
fn ipv4_and_ipv6_leave_out_the_other_family() {
    let server = Server::start();
    let url = server.url("/a");
    assert_eq!(cli!("fetch -4 {url}").code, Some(0));
    let run = cli!("fetch -6 {url}").exits(1);
    run.complains("only IPv6 is to be used");
    assert_eq!(cli!("fetch -4 -6 {url}").code, Some(2));
}

#[test]
fn an_interface_that_does_not_exist_is_an_error() {
    let server = Server::start();
    let run = cli!("fetch --interface nowhere0 {}", server.url("/a")).exits(1);
    run.complains("nowhere0");
}

#[test]
fn proxy_is_used_except_for_hosts_of_no_proxy() {
    let server = Server::start();
    let url = server.url("/a");
    // A closed port can not be a proxy.
    let refusing = refusing_port();
    let proxy = format!("--proxy http://me:secret@127.0.0.1:{refusing}");
    let run = cli!("fetch {proxy} {url}").exits(1);
    run.complains(format!("proxy http://127.0.0.1:{refusing}"));
    assert!(!run.stderr.contains("secret"), "{run:?}");
    cli!("fetch {proxy} --no-proxy 127.0.0.0/8 {url}").exits(0);
}

#[test]
fn proxies_of_the_environment_are_used_only_with_the_flag() {
    let server = Server::start();
    let refusing = refusing_port();
    for (flag, code) in [("", 0), ("--proxy-from-environment", 1)] {
        let mut command = command(&format!("fetch {flag} {}", server.url("/a")));
        command
            .env("http_proxy", format!("http://127.0.0.1:{refusing}"))
            .env_remove("no_proxy")
            .env_remove("NO_PROXY");
        run(&mut command).exits(code);
    }
}

#[test]
fn an_invalid_entry_of_no_proxy_in_the_environment_is_skipped_with_a_message() {
    let server = Server::start();
    let proxy = format!("me:secret@127.0.0.1:{}", refusing_port());
    for (list, code) in [("10.*,127.0.0.1", 0), ("10.*", 1)] {
        let mut command = command("fetch --proxy-from-environment");
        command.arg(server.url("/a")).env("no_proxy", list);
        let run = run(command.env("http_proxy", &proxy)).exits(code);
        let note = "keepalive: NO_PROXY: \"10.*\" is passed over";
        assert_eq!(run.stderr.matches(note).count(), 1, "{run:?}");
        assert!(!run.stderr.contains("secret"), "{run:?}");
    }
}

#[test]
fn a_proxy_without_a_scheme_is_an_http_proxy() {
    let refusing = refusing_port();
    let run = cli!("fetch --proxy me:secret@127.0.0.1:{refusing} http://h.test/").exits(1);
    run.complains(format!("proxy http://127.0.0.1:{refusing}"));
    assert!(!run.stderr.contains("secret"), "{run:?}");
}

#[test]
fn invalid_network_flags_exit_with_2_and_show_no_password() {
    for (flags, said) in [
        ("--resolve example.test", "a colon"),
        ("--resolve 1.2.3.4:127.0.0.1", "--resolve"),
        (
            "--proxy ftp://me:secret@x",
            "\"ftp\" is no scheme of a proxy",
        ),
        ("--proxy http://x --no-proxy a:b", "is no exception"),
    ] {
        let run = cli!("fetch {flags} http://127.0.0.1:1/").exits(2);
        run.complains(said);
        assert!(!run.stderr.contains("secret"), "{flags}: {run:?}");
    }
}

fn refusing_port() -> u16 {
    let url = refusing_url();
    let port = url
        .split([':', '/'])
        .rfind(|part| part.parse::<u16>().is_ok());
    port.unwrap().parse().unwrap()
}
