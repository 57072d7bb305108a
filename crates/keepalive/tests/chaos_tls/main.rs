//! The same as `chaos`, with TLS between the manager and its peers: the faults happen beneath TLS,
//! in handshakes too. A test binary of its own, because each counts the resources of its process.

#![cfg(target_os = "linux")]

use std::time::Duration;

use keepalive::{Counts, NetConnector, Tls};
use keepalive_testkit::net::chaos::Protocol;
use keepalive_testkit::net::load::{
    Caller, Counted, Ending, Late, Limits, Question, RawCaller, trials,
};
use keepalive_testkit::tls::Identity;

#[test]
fn whatever_happens_beneath_tls_answers_are_right_and_nothing_is_left() {
    trials::run::<SealedCaller>("keepalive", "chaos_tls");
}

/// Exchanges lines over TLS.
#[derive(Clone)]
struct SealedCaller(RawCaller);

impl Caller for SealedCaller {
    const PROTOCOL: Protocol = Protocol::Sealed;

    fn new(limits: Limits) -> Self {
        let tls = Tls::builder().roots_pem(&*Identity::local().pem).build();
        let net = NetConnector::new().tls(tls.expect("settings"));
        Self(RawCaller::by(net, "https", limits))
    }

    async fn ask(&self, question: Question<'_>) -> (Ending, Late) {
        self.0.ask(question).await
    }

    async fn hold(&self, port: u16) -> Option<Box<dyn Send>> {
        self.0.hold(port).await
    }

    fn limits(&self) -> Limits {
        self.0.limits()
    }

    fn counted(&self) -> &Counted {
        self.0.counted()
    }

    fn totals(&self) -> Counts {
        self.0.totals()
    }

    async fn shut_down(&self, limit: Duration) -> usize {
        self.0.shut_down(limit).await
    }
}
