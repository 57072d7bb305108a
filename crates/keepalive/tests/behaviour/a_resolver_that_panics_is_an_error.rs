//! E3: a panic of a resolver is an error of its lookup.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::support::{Names, Server, error, run};
use keepalive::{Addresses, Families, Manager, NetConnector, Resolve, ResolveError};

#[derive(Clone, Copy, PartialEq)]
enum When {
    Asked,
    Polled,
    Dropped,
}

struct Panics(When);

struct Lookup(When);

impl Resolve for Panics {
    fn lookup(
        &self,
        _: &str,
        _: Families,
    ) -> impl Future<Output = Result<Addresses, ResolveError>> + Send {
        assert!(self.0 != When::Asked, "on purpose");
        Lookup(self.0)
    }
}

impl Future for Lookup {
    type Output = Result<Addresses, ResolveError>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(self.0 != When::Polled, "on purpose");
        Poll::Ready(Err(ResolveError::new("an error as well")))
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        assert!(self.0 != When::Dropped, "on purpose");
    }
}

#[test]
fn whenever_it_does() {
    run(async || {
        for (when, text) in [
            (When::Asked, "the resolver panicked"),
            (When::Polled, "the resolver panicked"),
            (When::Dropped, "an error as well"),
        ] {
            let net = NetConnector::new().resolver(Panics(when)).max_lookups(1);
            let manager = Manager::builder().connector(net).build().unwrap();
            let request = Server::start().request_at("example.test");
            for _ in 0..3 {
                let failed = error(manager.allocate(request.clone()).await);
                assert_eq!(failed.function(), "resolve");
                assert_eq!(failed.error_str(), text);
            }
            assert_eq!(manager.totals().open, 0);
        }
    });
}

#[test]
fn one_that_panics_as_it_answers_answers_the_next() {
    run(async || {
        let names = Names::new(|_, _| panic!("on purpose"));
        let (server, manager) = (Server::start(), names.manager());
        let request = || server.request_at("example.test");
        assert_eq!(
            error(manager.allocate(request()).await).function(),
            "resolve"
        );
        names.say(|_, _| crate::support::found(&["127.0.0.1"]));
        manager.allocate(request()).await.unwrap().close();
    });
}
