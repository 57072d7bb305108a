//! C7, R6: shutdown answers each waiting request, and each later one, exactly once.

use std::pin::pin;

use crate::support::{Server, error, poll_once, run};
use keepalive::{AllocateError, ErrorKind, Manager};

#[test]
fn waiters_and_latecomers_are_told_of_the_shutdown() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder().max_per_host(1).build().unwrap();
        let held = manager.allocate(server.request()).await.unwrap();
        let (mailbox, mut responses) = keepalive::mailbox();
        let waiting = manager.allocate(server.request());
        let ask = |context| {
            manager
                .allocate_to(&mailbox, server.request(), "answer", context)
                .unwrap()
        };
        let posted = ask("before");

        let mut shutdown = pin!(manager.shutdown());
        let refused = error(waiting.await);
        assert_eq!(refused.kind(), ErrorKind::ShutDown);
        assert_eq!(refused.function(), "shutdown");
        let late = error(manager.allocate(server.request()).await);
        assert_eq!(late.kind(), ErrorKind::ShutDown);
        assert!(!manager.cancel(posted), "it has been answered");

        ask("after");
        drop(mailbox);
        for context in ["before", "after"] {
            let response = responses.recv().await.expect("an answer for each");
            assert_eq!(*response.context(), context);
            let kind = response.error().map(AllocateError::kind);
            assert_eq!(kind, Some(ErrorKind::ShutDown));
        }
        assert!(responses.recv().await.is_none());

        assert!(
            poll_once(shutdown.as_mut()).is_pending(),
            "one is still out"
        );
        held.free();
        assert_eq!(shutdown.await, 0);
        assert_eq!(manager.totals().opened, 1, "nothing was begun");
    });
}
