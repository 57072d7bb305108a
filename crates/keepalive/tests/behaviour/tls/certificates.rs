//! X2, E2: certificates are verified, and the error for a bad one names its fault.

use keepalive::{AllocateError, ErrorKind, Tls};
use rcgen::{BasicConstraints, IsCa};

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
fn an_expired_certificate_is_refused_with_its_date() {
    run(async || {
        let root = Authority::root("test root");
        let expired = root.issue_with("the server", &["localhost"], |params| {
            params.not_before = rcgen::date_time_ymd(2014, 1, 1);
            params.not_after = rcgen::date_time_ymd(2015, 2, 3);
        });
        let refused = refused(&expired, trust(&root), "localhost").await;
        let text = "the certificate has expired: it was valid until Tue, 03 Feb 2015 00:00:00 GMT";
        assert_eq!(refused.error_str(), text);
    });
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_refused_with_its_date() {
    run(async || {
        let root = Authority::root("test root");
        let early = root.issue_with("the server", &["localhost"], |params| {
            params.not_before = rcgen::date_time_ymd(4000, 1, 1);
        });
        let refused = refused(&early, trust(&root), "localhost").await;
        let text =
            "the certificate is not valid yet: it will be from Sat, 01 Jan 4000 00:00:00 GMT";
        assert_eq!(refused.error_str(), text);
    });
}

#[test]
fn a_certificate_for_another_name_is_refused_with_its_names() {
    run(async || {
        let root = Authority::root("test root");
        let other = root.issue(&["example.test", "127.0.0.2"]);
        let refused = refused(&other, trust(&root), "localhost").await;
        let text = refused.error_str();
        assert!(
            text.starts_with("wrong name: the certificate is not valid for localhost, only for ")
        );
        assert!(text.contains("example.test"), "{text}");
        assert!(text.contains("127.0.0.2"), "{text}");
    });
}

#[test]
fn a_certificate_for_another_address_is_refused_with_its_names() {
    run(async || {
        let root = Authority::root("test root");
        let other = root.issue(&["localhost"]);
        let refused = refused(&other, trust(&root), "127.0.0.1").await;
        let text = refused.error_str();
        assert!(
            text.starts_with("wrong name: the certificate is not valid for 127.0.0.1, only for ")
        );
        assert!(text.contains("localhost"), "{text}");
    });
}

#[test]
fn a_certificate_of_an_unknown_root_is_refused_with_its_name() {
    run(async || {
        let (root, other) = (Authority::root("its root"), Authority::root("our root"));
        let unknown = root.issue(&["localhost"]).followed_by(&root);
        let refused = refused(&unknown, trust(&other), "localhost").await;
        let text = "unknown root: the chain ends in \"its root\", \
                    which is not among the trusted roots";
        assert_eq!(refused.error_str(), text);
    });
}

#[test]
fn a_self_signed_certificate_is_refused() {
    run(async || {
        let root = Authority::root("our root");
        let server = TlsServer::start(Identity::self_signed("localhost").config());
        let manager = build(|it| it.tls(trust(&root)));
        let request = server.request_at("https", "localhost");
        let refused = error(manager.allocate(request).await);
        let text = refused.error_str();
        assert!(text.starts_with("unknown root: "), "{text}");
        assert!(text.contains("is self-signed"), "{text}");
    });
}

#[test]
fn a_truncated_chain_of_certificates_is_refused_with_its_issuer() {
    run(async || {
        let root = Authority::root("our root");
        let between = root.intermediate("our intermediate");
        let alone = between.issue(&["localhost"]);
        let refused = refused(&alone, trust(&root), "localhost").await;
        let text = refused.error_str();
        assert!(text.contains("whose issuer \"our intermediate\""), "{text}");
        assert!(text.contains("the chain is truncated"), "{text}");

        let whole = between.issue(&["localhost"]).followed_by(&between);
        let server = TlsServer::start(whole.config());
        let manager = build(|it| it.tls(trust(&root)));
        let request = server.request_at("https", "localhost");
        manager.allocate(request).await.unwrap().free();
    });
}

#[test]
fn a_chain_of_certificates_to_an_unknown_root_is_refused() {
    run(async || {
        let (root, other) = (Authority::root("its root"), Authority::root("our root"));
        let between = root.intermediate("its intermediate");
        let open = between.issue(&["localhost"]).followed_by(&between);
        let refused = refused(&open, trust(&other), "localhost").await;
        let text = refused.error_str();
        assert!(text.contains("whose issuer \"its root\""), "{text}");
        assert!(text.contains("either the root is unknown"), "{text}");
    });
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

#[test]
fn a_certificate_of_an_authority_is_refused_for_a_server() {
    run(async || {
        let root = Authority::root("test root");
        let authority = root.issue_with("the server", &["localhost"], |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        });
        let refused = refused(&authority, trust(&root), "localhost").await;
        let text = refused.error_str();
        assert!(
            text.starts_with("the certificate is one of an authority"),
            "{text}"
        );
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
