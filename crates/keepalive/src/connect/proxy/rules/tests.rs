//! The hosts of each form of exception.

use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use keepalive_testkit::net::program::find;

use super::*;
use crate::api::request::Request;

fn excepts(list: &str, scheme: &str, address: &str, port: u16) -> bool {
    let proxy: Proxy = "http://proxy".parse().expect("a proxy");
    let proxies = Proxies::from(proxy).no_proxy(list).expect("a list");
    let request = Request::new(scheme, address, port).expect("a request");
    proxies.of(request.host()).is_none()
}

/// The programs that take the host for an exception, for each form of exception: curl, Go and
/// Python, or `us` for this crate alone.
///
/// curl: the manual of `--noproxy`, and the program itself; `curl?` marks forms that it learned or
/// changed recently. Go: the documentation of `golang.org/x/net/http/httpproxy`, `Config.NoProxy`,
/// without its rule for loopback. Python: `urllib.request.proxy_bypass_environment` itself.
const TABLE: &[(&str, &str, u16, Said)] = &[
    ("a.test", "a.test", 80, said("curl go python")),
    ("a.test", "A.test.", 80, said("curl go")),
    ("A.Test", "a.test", 80, said("curl go python")),
    ("a.test", "www.a.test", 80, said("curl go python")),
    ("a.test", "x.www.a.test", 81, said("curl go python")),
    ("a.test", "ba.test", 80, said("")),
    ("a.test", "a.test.b", 80, said("")),
    ("a.test", "test", 80, said("")),
    ("a.test.", "a.test", 80, said("curl")),
    (".a.test", "a.test", 80, said("curl python")),
    (".a.test", "www.a.test", 80, said("curl go python")),
    (".a.test", "ba.test", 80, said("")),
    ("*.a.test", "a.test", 80, said("")),
    ("*.a.test", "www.a.test", 80, said("go")),
    ("*.a.test", "ba.test", 80, said("")),
    ("a.test:81", "a.test", 81, said("go python")),
    ("a.test:81", "a.test", 80, said("")),
    ("a.test:81", "www.a.test", 81, said("go python")),
    (".a.test:81", "www.a.test", 81, said("go python")),
    ("*.a.test:81", "www.a.test", 81, said("go")),
    ("*.a.test:81", "www.a.test", 80, said("")),
    ("192.0.2.1", "192.0.2.1", 80, said("curl go python")),
    ("192.0.2.1", "192.0.2.2", 80, said("")),
    ("192.0.2.1:81", "192.0.2.1", 81, said("go python")),
    ("192.0.2.1:81", "192.0.2.1", 80, said("")),
    ("10.0.0.0/8", "10.9.8.7", 80, said("curl go")),
    ("10.1.2.3/8", "10.9.8.7", 80, said("curl go")),
    ("10.0.0.0/8", "11.9.8.7", 80, said("")),
    ("10.0.0.0/8", "a.test", 80, said("")),
    ("::1", "::1", 80, said("curl go")),
    ("::1", "::2", 80, said("")),
    ("0:0:0:0:0:0:0:1", "::1", 80, said("go")),
    ("[::1]", "::1", 80, said("python curl?")),
    ("[::1]", "127.0.0.1", 80, said("")),
    ("[::1]:81", "::1", 81, said("go python")),
    ("[::1]:81", "::1", 80, said("")),
    ("::/64", "::1", 80, said("go curl?")),
    ("fe80::/10", "::1", 80, said("")),
    ("*", "a.test", 80, said("curl go python")),
    ("*", "192.0.2.1", 81, said("curl go python")),
    ("*", "::1", 80, said("curl go python")),
    ("*:81", "a.test", 81, said("us")),
    ("*:81", "a.test", 80, said("")),
    ("10.0.0.0/8:81", "10.9.8.7", 81, said("us curl?")),
    ("10.0.0.0/8:81", "10.9.8.7", 80, said("curl?")),
];

/// The programs for which the host needs no proxy.
struct Said(&'static str);

const fn said(by: &'static str) -> Said {
    Said(by)
}

impl Said {
    fn by(&self, program: &str) -> bool {
        self.0.split(' ').any(|name| name == program)
    }
}

#[test]
fn an_exception_is_for_whatever_curl_or_go_or_python_take_it_for() {
    for (list, address, port, said) in TABLE {
        let by_anybody = ["us", "curl", "go", "python"].iter().any(|by| said.by(by));
        let found = excepts(list, "http", address, *port);
        assert_eq!(found, by_anybody, "{list} and {address}:{port}");
    }
}

#[test]
fn curl_says_the_same() {
    let Some(curl) = find("curl") else {
        return;
    };
    let (reached, by) = channel();
    let listen = |what: &'static str| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let reached = reached.clone();
        thread::spawn(move || listener.incoming().all(|_| reached.send(what).is_ok()));
        port
    };
    let (proxy, straight) = (listen("by the proxy"), listen("straight"));
    for (list, address, port, said) in TABLE.iter().filter(|row| !row.3.by("curl?")) {
        let ran = Command::new(&curl)
            .env_clear()
            .args(["--silent", "--max-time", "10", "--noproxy", list])
            .args(["--proxy", &format!("http://127.0.0.1:{proxy}")])
            .args(["--connect-to", &format!("::127.0.0.1:{straight}")])
            .arg(format!("http://{}", authority(address, *port)))
            .output()
            .expect("it runs");
        let expected = match said.by("curl") {
            true => "straight",
            false => "by the proxy",
        };
        let way = by.recv_timeout(Duration::from_secs(1));
        let way = way.unwrap_or_else(|_| panic!("{list}, {address}: {ran:?}"));
        assert_eq!(way, expected, "{list} and {address}:{port}");
    }
}

#[test]
fn python_says_the_same() {
    const ASK: &str = "
import sys, urllib.request as request
for row in sys.argv[1:]:
    entries, host = row.split(' ')
    print(bool(request.proxy_bypass_environment(host, {'no': entries})))
";
    let Some(python) = find("python3") else {
        return;
    };
    let rows = TABLE
        .iter()
        .map(|(list, address, port, _)| format!("{list} {}", authority(address, *port)));
    let ran = Command::new(python).args(["-c", ASK]).args(rows).output();
    let answers = String::from_utf8(ran.expect("it runs").stdout).expect("text");
    assert_eq!(answers.lines().count(), TABLE.len());
    for ((list, address, port, said), answer) in TABLE.iter().zip(answers.lines()) {
        let expected = if said.by("python") { "True" } else { "False" };
        assert_eq!(answer, expected, "{list} and {address}:{port}");
    }
}

fn authority(address: &str, port: u16) -> String {
    match address.contains(':') {
        true => format!("[{address}]:{port}"),
        false => format!("{address}:{port}"),
    }
}

#[test]
fn exceptions_are_separated_by_commas_or_spaces() {
    for list in ["b.test,a.test", "b.test a.test", " b.test ,\ta.test, "] {
        assert!(excepts(list, "http", "a.test", 80), "{list}");
        assert!(excepts(list, "http", "b.test", 80), "{list}");
        assert!(!excepts(list, "http", "c.test", 80), "{list}");
    }
    assert!(!excepts("", "http", "a.test", 80));
}

#[test]
fn what_is_no_exception_is_an_error_that_shows_it() {
    for wrong in [
        "a.test:",
        "a.test:0",
        "10.0.0.0/33",
        "1.2.3",
        "a b$c",
        "[::1",
        ".",
        "*.",
        "*a.test",
        "10.*",
        "<local>",
        "http://a.test",
    ] {
        let error = Proxies::new().no_proxy(wrong).expect_err(wrong).to_string();
        assert!(error.contains("is no exception"), "{error}");
    }
}

#[test]
fn the_proxy_of_the_scheme_goes_before_that_for_all() {
    let proxy = |url: &str| url.parse::<Proxy>().expect("a proxy");
    let proxies = Proxies::new()
        .all(proxy("http://all"))
        .scheme("HTTPS", proxy("http://tls"));
    let of = |scheme| {
        let request = Request::new(scheme, "a.test", 1).expect("a request");
        proxies.of(request.host()).map(ToString::to_string)
    };
    assert_eq!(of("https").as_deref(), Some("http://tls:80"));
    assert_eq!(of("redis").as_deref(), Some("http://all:80"));
    assert_eq!(
        Proxies::new().of(Request::new("x", "a.test", 1).expect("a request").host()),
        None
    );
}
