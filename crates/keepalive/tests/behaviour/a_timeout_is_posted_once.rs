//! R6, T2: a request with a mailbox that times out is answered once, too.

use std::time::Duration;

use crate::support::{Server, Silent, run};
use keepalive::{ErrorKind, Manager};

#[test]
fn each_late_request_is_posted_once_and_then_nothing() {
    run(async || {
        let (server, silent) = (Server::start(), Silent::start().await);
        let manager = Manager::builder().max_per_host(1).build().unwrap();
        let _held = manager.allocate(server.request()).await.unwrap();

        let limit = Duration::from_millis(20);
        let (mailbox, mut responses) = keepalive::mailbox();
        for (request, function) in [(server.request(), "queue"), (silent.request(), "connect")] {
            manager
                .allocate_to(&mailbox, request.timeout(limit), "late", function)
                .unwrap();
        }
        drop(mailbox);
        for _ in 0..2 {
            let response = responses.recv().await.expect("an answer for each");
            assert_eq!(response.function(), Some(*response.context()));
            let error = response.error().expect("nobody can connect");
            assert_eq!(error.kind(), ErrorKind::Timeout);
        }
        assert!(responses.recv().await.is_none());
    });
}
