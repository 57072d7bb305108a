//! N2, E1: a missing name is cached for two seconds, and a temporary failure not at all.

use std::io;
use std::time::Duration;

use crate::support::{Names, Server, error, found};
use keepalive::{Families, ResolveError};
use tokio::time::advance;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn no_such_name_is_asked_for_again_after_two_seconds() {
    for names in [
        Names::new(|_, _| Err(ResolveError::not_found("no such name"))),
        Names::at(&[]),
    ] {
        let (server, manager) = (Server::start(), names.manager());
        for (wait, looked_up) in [(0, 1), (1, 1), (1, 2)] {
            advance(wait * SECOND).await;
            let missing = error(manager.allocate(server.request_at("example.test")).await);
            assert_eq!(missing.function(), "resolve");
            assert_eq!(missing.error_num(), None);
            assert!(missing.error_str().contains("name"), "{missing}");
            assert!(missing.to_string().contains("example.test"), "{missing}");
            assert!(!missing.is_retryable());
            assert_eq!(names.asked().len(), looked_up);
        }
        names.say(|_, _| found(&["127.0.0.1"]));
        advance(2 * SECOND).await;
        let there = manager.allocate(server.request_at("example.test"));
        there.await.unwrap().close();
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_may_pass_is_not_remembered() {
    let names = Names::new(|_, _| Err(io::Error::from_raw_os_error(libc::ENETUNREACH).into()));
    let (server, manager) = (Server::start(), names.manager());
    for looked_up in 1..=3 {
        let failed = error(manager.allocate(server.request_at("example.test")).await);
        assert_eq!(failed.function(), "resolve");
        assert_eq!(failed.error_num(), Some(libc::ENETUNREACH));
        assert!(failed.is_retryable());
        assert_eq!(names.asked().len(), looked_up);
    }
    names.say(|_, _| found(&["127.0.0.1"]));
    let there = manager.allocate(server.request_at("example.test"));
    there.await.unwrap().close();
}

#[tokio::test]
async fn addresses_of_the_wrong_family_are_none() {
    let names = Names::new(|_, families| match families {
        Families::V4 => found(&["::1"]),
        _ => found(&["127.0.0.1"]),
    });
    let (server, manager) = (Server::start(), names.separate().manager());
    let wrong = error(manager.allocate(server.request_at("example.test")).await);
    assert!(wrong.error_str().contains("has no IPv"), "{wrong}");
}
