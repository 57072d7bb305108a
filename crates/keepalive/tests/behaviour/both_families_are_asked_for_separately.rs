//! N3: a resolver that answers IPv4 and IPv6 separately gets both queries, and if one fails the
//! other is still used.

use std::io;

use crate::support::{Names, Server, error, found, run};
use keepalive::{Families, ResolveError};

#[test]
fn one_of_them_is_enough() {
    run(async || {
        let v4 = Server::start();
        for v6 in [|| found(&[]), || Err(ResolveError::new("it failed"))] {
            let names = Names::new(move |_, families| match families {
                Families::V4 => found(&["127.0.0.1"]),
                _ => v6(),
            });
            let names = names.separate();
            let request = v4.request_at("example.test");
            names.manager().allocate(request).await.unwrap().close();
            assert_eq!(names.asked().len(), 2);
        }
        let v6 = Server::on(([0, 0, 0, 0, 0, 0, 0, 1], 0).into());
        let names = Names::new(|_, families| match families {
            Families::V6 => found(&["::1"]),
            _ => Err(ResolveError::not_found("no such name")),
        });
        let request = v6.request_at("example.test");
        names
            .separate()
            .manager()
            .allocate(request)
            .await
            .unwrap()
            .close();
    });
}

#[test]
fn none_of_them_is_an_error_of_resolve() {
    run(async || {
        let names = Names::new(|_, _| Err(io::Error::other("it failed").into())).separate();
        let request = Server::start().request_at("example.test");
        let failed = error(names.manager().allocate(request).await);
        assert_eq!(failed.function(), "resolve");
        assert_eq!(failed.error_str(), "it failed");
    });
}
