//! `--cookie` sends cookies, and keeps those of servers along redirects.

use crate::program::keepalive_with;
use crate::site::{Asked, Site};

/// The requests to a server that sets a cookie and redirects, to itself or to another.
fn asked(flags: &[&str], to: impl Fn(&Site) -> String) -> [Asked; 2] {
    let site = Site::start();
    let url = site.url(&format!("/cookies?{}", to(&site)));
    let arguments = [&["fetch", "-L", &url], flags].concat();
    keepalive_with(&arguments, "").exits(0);
    site.asked().try_into().expect("two requests")
}

#[test]
fn cookies_are_sent_along_redirects_to_the_same_host() {
    for (flags, first, second) in [
        (&[][..], None, None),
        (&["-b", ""], None, Some("set=1")),
        (
            &["--cookie", "mine=0"],
            Some("mine=0"),
            Some("mine=0; set=1"),
        ),
        (
            &["-b", "a=1", "-H", "cookie: b=2"],
            Some("b=2; a=1"),
            Some("b=2; a=1; set=1"),
        ),
    ] {
        let asked = asked(flags, |_| "/b".to_owned());
        assert_eq!(asked[0].header("cookie"), first, "{flags:?}");
        assert_eq!(asked[1].header("cookie"), second, "{flags:?}");
    }
}

#[test]
fn cookies_are_not_sent_along_redirects_to_another_host() {
    let flags = ["-b", "mine=0", "--resolve", "other.test:127.0.0.1"];
    let asked = asked(&flags, |site| format!("http://other.test:{}/b", site.port));
    assert_eq!(asked[0].header("cookie"), Some("mine=0"));
    assert_eq!(asked[1].header("cookie"), None);
}
