//! TLS settings: which schemes they hold for, which connections they share, and what they print.

use std::collections::HashSet;

use keepalive::{Connection, FromCache, Manager, Request, Tls, TlsBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::tls::{Authority, TlsServer, server, trust, trusted};
use crate::support::{ask, build, echo, error, run};

/// Settings that cannot work are an error that names the fault, and prints no value of them.
#[test]
fn bad_tls_settings_are_errors_without_their_values() {
    let root = Authority::root("test root");
    let (one, two) = (root.issue(&["one.test"]), root.issue(&["two.test"]));
    let damaged = one.pem.replace("-----END", "SECRET\n-----BEGIN");
    let tls = Tls::builder;
    let cases: [(TlsBuilder, &str); 8] = [
        (
            tls().roots_pem("SECRET"),
            "invalid root certificates: no certificate was found",
        ),
        (
            tls().roots_pem(damaged.clone()),
            "invalid root certificates: ",
        ),
        (
            tls().client_certificate_pem("SECRET", one.key_pem()),
            "invalid client certificate: no certificate was found",
        ),
        (
            tls().client_certificate_pem(one.pem.clone(), "SECRET"),
            "invalid key of the client certificate: no private key was found",
        ),
        (
            tls().client_certificate_pem(one.pem.clone(), two.key_pem()),
            "invalid key of the client certificate: it is not the key of the first certificate",
        ),
        (tls().alpn([""]), "invalid ALPN: "),
        (tls().alpn(["a".repeat(256)]), "invalid ALPN: "),
        (
            tls().key_log("/nowhere/to/be/found"),
            "invalid key log: /nowhere/to/be/found: ",
        ),
    ];
    for (builder, expected) in cases {
        // This case does not depend on the machine's own roots.
        let error = builder
            .roots_pem(root.pem())
            .build()
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains("SECRET"), "{error}");
    }
}

/// R2: any scheme may be TLS, with settings of its own; the last setting for a scheme counts.
#[test]
fn tls_scheme_encrypts_a_scheme_with_its_own_roots() {
    run(async || {
        let (server, tls) = trusted();
        let manager = build(|it| {
            it.tls(trust(&Authority::root("others")))
                .tls_scheme("IMAPS", tls)
        });
        let request = server.request_at("imaps", "127.0.0.1");
        let mut lease = manager.allocate(request).await.unwrap();
        echo(&mut lease, "hello").await;
        assert_eq!(
            error(manager.allocate(server.request()).await).function(),
            "tls"
        );
    });
}

#[test]
fn a_connector_of_a_scheme_replaces_its_tls() {
    run(async || {
        let (server, tls) = trusted();
        let plain = keepalive::NetConnector::new();
        let manager = build(|it| it.tls_scheme("secret", tls).scheme("secret", plain));
        let request = server.request_at("secret", "127.0.0.1");
        let lease = manager.allocate(request).await.unwrap();
        assert!(lease.tls().is_none());
    });
}

/// X2: connections are shared among requests with the same TLS settings, and no others.
#[test]
fn the_same_tls_settings_share_connections_and_equal_ones_do_not() {
    run(async || {
        let (root, server) = server();
        let (ours, theirs) = (trust(&root), trust(&root));
        assert_ne!(ours, theirs);
        let manager = build(|it| it.tls(ours.clone()));
        let requests = [
            server.request(),
            server.request().tls(ours.clone()),
            server.request().tls(theirs.clone()),
            server.request().tls(ours.clone()).partition("blue"),
            server.request().partition("blue").tls(theirs.clone()),
        ];
        for request in &requests {
            let mut lease = manager.allocate(request.clone()).await.unwrap();
            assert_eq!(lease.from_cache(), None, "{request:?}");
            echo(&mut lease, "hello").await;
            lease.free();
        }
        assert_eq!(manager.totals().idle, requests.len());
        let again = server.request().partition("blue").tls(ours.clone());
        assert_eq!(again.host(), requests[3].host());
        let lease = manager.allocate(again).await.unwrap();
        assert_eq!(lease.from_cache(), Some(FromCache::Immediate));

        let hosts: HashSet<_> = requests.iter().map(Request::host).collect();
        assert_eq!(hosts.len(), requests.len());
        let shown: HashSet<_> = hosts.iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), requests.len(), "{shown:?}");
    });
}

/// Names are sent to the server in their normal form; addresses are not sent.
#[test]
fn the_server_name_is_sent_for_names_and_not_for_addresses() {
    run(async || {
        let (server, tls) = trusted();
        let manager = build(|it| it.tls(tls));
        for (address, sent) in [
            ("localhost", "localhost"),
            ("LocalHost.", "localhost"),
            ("127.0.0.1", "none"),
        ] {
            let request = server.request_at("https", address).partition(address);
            let mut lease = manager.allocate(request).await.unwrap();
            assert_eq!(ask(&mut lease, "sni").await, sent, "{address}");
        }
    });
}

/// The server takes one of the application protocols that are offered.
#[test]
fn alpn_selects_a_protocol_that_both_ends_speak() {
    run(async || {
        let root = Authority::root("test root");
        let mut config = root.issue(&["127.0.0.1"]).config();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let server = TlsServer::start(config);
        let offering = |protocols: &[&str]| {
            let tls = Tls::builder().roots_pem(root.pem()).alpn(protocols);
            server.request().tls(tls.build().unwrap())
        };
        let manager = Manager::new();
        for (offered, chosen) in [
            (&["http/1.1"][..], Some("http/1.1")),
            (&["http/1.1", "h2"], Some("h2")),
            (&[], None),
        ] {
            let mut lease = manager.allocate(offering(offered)).await.unwrap();
            let info = lease.tls().unwrap();
            assert_eq!(info.alpn(), chosen.map(str::as_bytes));
            let told: Vec<_> = lease
                .offered_protocols()
                .iter()
                .map(Vec::as_slice)
                .collect();
            let offered: Vec<_> = offered.iter().map(|name| name.as_bytes()).collect();
            assert_eq!(told, offered);
            assert_eq!(ask(&mut lease, "alpn").await, chosen.unwrap_or_default());
        }

        let refused = error(manager.allocate(offering(&["smtp"])).await);
        assert_eq!(refused.function(), "tls");
        let text = refused.error_str();
        assert!(text.contains("none of the application protocols"), "{text}");
    });
}

/// A server that asks for client certificates gets them, and refuses those that it does not trust.
#[test]
fn a_client_certificate_is_sent_and_a_missing_or_wrong_one_is_an_error() {
    run(async || {
        let (root, clients) = (Authority::root("servers"), Authority::root("clients"));
        let identity = root.issue(&["127.0.0.1"]);
        let server = TlsServer::start(identity.config_for(Some(&clients)));
        let manager = Manager::new();
        let with = |issuer: Option<&Authority>| {
            let mut tls = Tls::builder().roots_pem(root.pem());
            if let Some(issuer) = issuer {
                let me = issuer.issue(&["me.test"]);
                tls = tls.client_certificate_pem(me.pem.clone(), me.key_pem());
            }
            server.request().tls(tls.build().unwrap())
        };
        let mut lease = manager.allocate(with(Some(&clients))).await.unwrap();
        echo(&mut lease, "hello").await;

        for (issuer, expected) in [
            (None, "it wants a client certificate, and none was shown"),
            (Some(&root), "it does not accept the client certificate"),
        ] {
            // In TLS 1.3 the client has finished before the server looks.
            let mut lease = manager.allocate(with(issuer)).await.unwrap();
            let _ = lease.write_all(b"hello\n").await;
            let refused = lease.read_u8().await.unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
        }
    });
}

/// The key log is for debugging: a file of its owner alone, in the format that tools read.
#[test]
fn the_key_log_has_the_keys_of_each_session() {
    run(async || {
        let (root, server) = server();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let tls = Tls::builder().roots_pem(root.pem()).key_log(&path);
        let manager = build(|it| it.tls(tls.build().unwrap()));
        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "hello").await;

        let log = std::fs::read_to_string(&path).unwrap();
        for line in log.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(words.len(), 3, "{line}");
            assert_eq!(words[1].len(), 64, "{line}");
        }
        assert!(log.contains("CLIENT_TRAFFIC_SECRET_0 "), "{log}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0);
        }
    });
}

/// X3: the printed forms of settings, requests, connections and errors contain no key.
#[test]
fn no_key_is_printed_by_settings_requests_leases_and_errors() {
    run(async || {
        let root = Authority::root("test root");
        let server = TlsServer::start(root.issue(&["127.0.0.1"]).config_for(Some(&root)));
        let me = root.issue(&["me.test"]);
        let builder = Tls::builder()
            .roots_pem(root.pem())
            .client_certificate_pem(me.pem.clone(), me.key_pem());
        let tls = builder.clone().build().unwrap();
        let request = server.request().tls(tls.clone());
        let manager = Manager::new();
        let mut lease = manager.allocate(request.clone()).await.unwrap();
        echo(&mut lease, "hello").await;
        let wrong = server.request_at("https", "localhost").tls(tls.clone());
        let refused = error(manager.allocate(wrong).await);

        let key = me.key_pem();
        let secret = key.lines().nth(1).unwrap();
        for shown in [
            format!("{builder:?}"),
            format!("{tls:?}"),
            format!("{request:?}"),
            format!("{lease:?} {:?}", *lease),
            format!("{refused:?} {refused}"),
            format!("{:?}", manager.stats()),
        ] {
            assert!(!shown.contains(secret), "{shown}");
            assert!(!shown.contains("BEGIN"), "{shown}");
        }
        let shown = format!("{tls:?}");
        assert!(shown.contains("client_certificate: true"), "{shown}");
    });
}

/// The second connection to a host resumes the session of the first.
#[test]
fn tls_sessions_are_resumed_across_managers_with_the_same_settings() {
    run(async || {
        let (server, tls) = trusted();
        let open = async |resumed: bool| {
            let manager = build(|it| it.tls(tls.clone()));
            let mut lease = manager.allocate(server.request()).await.unwrap();
            assert_eq!(lease.tls().unwrap().is_resumed(), resumed);
            assert_eq!(lease.tls().unwrap().peer_certificates().count(), 1);
            // The tickets come before the answer.
            echo(&mut lease, "hello").await;
        };
        open(false).await;
        open(true).await;
        open(true).await;
    });
}
