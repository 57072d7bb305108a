//! X2, E2: certificates are verified, and the error for a bad one names its fault.

use crate::support::tls::{Authority, Identity, TlsServer, trust};
use crate::support::{error, run};
use keepalive::{AllocateError, ErrorKind, Manager, Tls};
use rcgen::{BasicConstraints, IsCa};

async fn refused(identity: &Identity, tls: Tls, name: &str) -> AllocateError {
    let server = TlsServer::start(identity.config());
    let manager = Manager::builder().tls(tls).build().expect("a manager");
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
fn an_expired_one() {
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
fn one_that_is_not_valid_yet() {
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
fn one_for_another_name() {
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
fn one_for_another_address() {
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
fn one_whose_root_nobody_knows() {
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
fn one_that_vouches_for_itself() {
    run(async || {
        let root = Authority::root("our root");
        let server = TlsServer::start(Identity::self_signed("localhost").config());
        let manager = Manager::builder().tls(trust(&root)).build().unwrap();
        let request = server.request_at("https", "localhost");
        let refused = error(manager.allocate(request).await);
        let text = refused.error_str();
        assert!(text.starts_with("unknown root: "), "{text}");
        assert!(text.contains("is self-signed"), "{text}");
    });
}

#[test]
fn a_truncated_chain() {
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
        let manager = Manager::builder().tls(trust(&root)).build().unwrap();
        let request = server.request_at("https", "localhost");
        manager.allocate(request).await.unwrap().free();
    });
}

#[test]
fn a_chain_that_leads_to_nobody() {
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
fn the_platform_does_not_know_our_root() {
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
fn one_of_an_authority() {
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
