//! X2, E2: certificates are verified, and the error for a bad one names its fault.

use keepalive::{AllocateError, ErrorKind, Tls};
use rcgen::{BasicConstraints, CertificateParams, IsCa};

use crate::support::tls::{Authority, Identity, TlsServer, trust};
use crate::support::{build, echo, error, run};

async fn refused(identity: &Identity, tls: Tls, name: &str) -> AllocateError {
    let server = TlsServer::start(identity.config());
    let manager = build(|it| it.tls(tls));
    let request = server.request_at("https", name);
    let refused = error(manager.allocate(request).await);
    assert_eq!(refused.kind(), ErrorKind::Connect);
    assert_eq!(refused.function(), "tls");
    assert_eq!(refused.error_num(), None);
    assert!(!refused.is_retryable());
    assert!(refused.to_string().contains(name), "{refused}");
    assert!(refused.to_string().contains("(127.0.0.1:"), "{refused}");
    assert_eq!(manager.totals().open, 0);
    refused
}

#[test]
fn each_fault_of_a_certificate_is_refused_and_named() {
    run(async || {
        let (ours, theirs) = (Authority::root("our root"), Authority::root("its root"));
        let between = ours.intermediate("our intermediate");
        let between_theirs = theirs.intermediate("its intermediate");
        let here = ["localhost"];
        let with =
            |change: fn(&mut CertificateParams)| ours.issue_with("the server", &here, change);
        // The fault, the server's certificate, and the error, with dots for other words.
        for (fault, identity, text) in [
            (
                "it has expired",
                with(|params| {
                    params.not_before = rcgen::date_time_ymd(2014, 1, 1);
                    params.not_after = rcgen::date_time_ymd(2015, 2, 3);
                }),
                "the certificate has expired: it was valid until Tue, 03 Feb 2015 00:00:00 GMT",
            ),
            (
                "it is not valid yet",
                with(|params| params.not_before = rcgen::date_time_ymd(4000, 1, 1)),
                "the certificate is not valid yet: it will be from Sat, 01 Jan 4000 00:00:00 GMT",
            ),
            (
                "it is for another name",
                ours.issue(&["example.test", "127.0.0.2"]),
                "wrong name: the certificate is not valid for localhost, only for \
                 ...example.test...127.0.0.2...",
            ),
            (
                "its root is unknown",
                theirs.issue(&here).followed_by(&theirs),
                "unknown root: the chain ends in \"its root\", \
                 which is not among the trusted roots",
            ),
            (
                "it is self-signed",
                Identity::self_signed("localhost"),
                "unknown root: ...is self-signed...",
            ),
            (
                "its chain is truncated",
                between.issue(&here),
                "...whose issuer \"our intermediate\"...the chain is truncated...",
            ),
            (
                "the root of its chain is unknown",
                between_theirs.issue(&here).followed_by(&between_theirs),
                "...whose issuer \"its root\"...either the root is unknown...",
            ),
            (
                "it is one of an authority",
                with(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
                "the certificate is one of an authority...",
            ),
        ] {
            let refused = refused(&identity, trust(&ours), "localhost").await;
            assert_text(&refused.error_str(), text, fault);
        }
        let text =
            "wrong name: the certificate is not valid for 127.0.0.1, only for ...localhost...";
        let refused = refused(&ours.issue(&here), trust(&ours), "127.0.0.1").await;
        assert_text(&refused.error_str(), text, "it is for another address");
        let whole = between.issue(&here).followed_by(&between);
        let server = TlsServer::start(whole.config());
        let manager = build(|it| it.tls(trust(&ours)));
        let request = server.request_at("https", "localhost");
        manager.allocate(request).await.unwrap().free();
    });
}

/// `text` has the parts of `expected` between the dots, with its begin and its end.
#[track_caller]
fn assert_text(text: &str, expected: &str, fault: &str) {
    let mut rest = text;
    let mut parts = expected.split("...").peekable();
    let mut is_first = true;
    while let Some(part) = parts.next() {
        let at = match parts.peek() {
            None => rest.ends_with(part).then(|| rest.len() - part.len()),
            Some(_) => rest.find(part),
        };
        let at = at.filter(|at| *at == 0 || !is_first);
        let at = at.unwrap_or_else(|| panic!("{fault}: {text:?} is not {expected:?}"));
        rest = &rest[at + part.len()..];
        is_first = false;
    }
}

#[test]
fn the_platforms_roots_do_not_include_the_tests_root() {
    run(async || {
        let root = Authority::root("its root");
        // A platform without any roots cannot verify at all, and says that.
        let Ok(platform) = Tls::new() else { return };
        let unknown = root.issue(&["localhost"]).followed_by(&root);
        let refused = refused(&unknown, platform, "localhost").await;
        let text = refused.error_str();
        assert!(text.starts_with("unknown root: "), "{text}");
    });
}

/// X2: a setting that weakens verification has a name that warns, and its connections are never
/// shared with other settings.
#[test]
fn danger_accept_any_certificate_accepts_all_and_shares_no_connection() {
    run(async || {
        let nobody = Authority::root("nobody");
        let bad = nobody.issue_with("the server", &["example.test"], |params| {
            params.not_after = rcgen::date_time_ymd(2015, 1, 1);
        });
        let server = TlsServer::start(bad.config());
        let dares = Tls::builder().danger_accept_any_certificate().build();
        let dares = server.request().tls(dares.unwrap());
        let manager = build(|it| it.tls(trust(&Authority::root("our root"))));
        let mut lease = manager.allocate(dares).await.unwrap();
        echo(&mut lease, "hello").await;
        lease.free();

        let refused = error(manager.allocate(server.request()).await);
        assert_eq!(refused.function(), "tls");
    });
}

/// X2: a session resumes if the server still knows it; a changed server is verified anew.
#[test]
fn a_server_that_changes_its_certificate_is_verified_again() {
    run(async || {
        let (ours, others) = (Authority::root("our root"), Authority::root("another root"));
        let start =
            |authority: &Authority| TlsServer::start(authority.issue(&["localhost"]).config());
        let manager = build(|it| it.tls(trust(&ours)));
        // Sessions are cached by name, so each server is offered the session of the one before.
        let (before, after) = (start(&ours), start(&ours));
        for (server, resumed) in [(&before, false), (&before, true), (&after, false)] {
            let request = server.request_at("https", "localhost");
            let mut lease = manager.allocate(request).await.unwrap();
            assert_eq!(lease.tls().unwrap().is_resumed(), resumed);
            echo(&mut lease, "hello").await;
        }
        let bad = start(&others);
        let request = bad.request_at("https", "localhost");
        let refused = error(manager.allocate(request).await);
        assert_eq!(refused.function(), "tls");
        let text = refused.error_str();
        assert!(text.contains("\"another root\""), "{text}");
        assert_eq!(manager.totals().open, 0);
    });
}
