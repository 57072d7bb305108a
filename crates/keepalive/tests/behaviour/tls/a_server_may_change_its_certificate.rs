//! X2: a session resumes if the server still knows it; a changed server is verified anew.

use crate::support::tls::{Authority, TlsServer, trust};
use crate::support::{echo, error, run};
use keepalive::Manager;

#[test]
fn to_a_good_one_and_to_a_bad_one() {
    run(async || {
        let (ours, others) = (Authority::root("our root"), Authority::root("another root"));
        let start =
            |authority: &Authority| TlsServer::start(authority.issue(&["localhost"]).config());
        let manager = Manager::builder().tls(trust(&ours)).build().unwrap();
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
