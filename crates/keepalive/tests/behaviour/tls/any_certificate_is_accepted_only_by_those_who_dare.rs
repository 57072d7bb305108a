//! X2: a setting that weakens verification has a name that warns, and its connections are never
//! shared with other settings.

use crate::support::tls::{Authority, TlsServer, trust};
use crate::support::{echo, error, run};
use keepalive::{Manager, Tls};

#[test]
fn an_expired_certificate_of_nobody_for_another_name() {
    run(async || {
        let nobody = Authority::root("nobody");
        let bad = nobody.issue_with("the server", &["example.test"], |params| {
            params.not_after = rcgen::date_time_ymd(2015, 1, 1);
        });
        let server = TlsServer::start(bad.config());
        let dares = Tls::builder().danger_accept_any_certificate().build();
        let dares = server.request().tls(dares.unwrap());
        let manager = Manager::builder()
            .tls(trust(&Authority::root("our root")))
            .build()
            .unwrap();
        let mut lease = manager.allocate(dares).await.unwrap();
        echo(&mut lease, "hello").await;
        lease.free();

        let refused = error(manager.allocate(server.request()).await);
        assert_eq!(refused.function(), "tls");
    });
}
