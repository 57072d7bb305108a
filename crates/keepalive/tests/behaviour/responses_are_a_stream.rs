//! R6, R7: answers of a mailbox are received one by one, or taken as a stream.

use std::future::poll_fn;
use std::pin::pin;

use crate::support::{Refusing, Server, run};
use futures_core::Stream;
use keepalive::Manager;

#[test]
fn the_stream_yields_each_answer_and_ends_with_the_last() {
    run(async || {
        let (server, refusing) = (Server::start(), Refusing::new());
        let manager = Manager::new();
        let (mailbox, responses) = keepalive::mailbox();
        let requests = [server.request(), refusing.request(), server.request()];
        for (number, request) in requests.into_iter().enumerate() {
            let mailbox = mailbox.clone();
            manager
                .allocate_to(&mailbox, request, "answer", number)
                .unwrap();
        }
        drop(mailbox);

        let mut responses = pin!(responses);
        let mut answered = Vec::new();
        while let Some(response) = poll_fn(|cx| responses.as_mut().poll_next(cx)).await {
            assert_eq!(response.connection().is_some(), *response.context() != 1);
            answered.push(*response.context());
        }
        answered.sort_unstable();
        assert_eq!(answered, [0, 1, 2]);
    });
}
