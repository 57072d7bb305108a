//! L6: the second connection that ends before its first use counts as a failed attempt.

use std::io;
use std::task::Poll;

use keepalive::{ErrorKind, Manager, Unusable};

use crate::support::{Mock, host, run_on_one_thread};

#[test]
fn a_shared_connection_that_fails_at_once_is_opened_twice() {
    // On one thread, the manager watches the connection before a request takes its answer.
    run_on_one_thread(async || {
        let reset = || io::Error::from_raw_os_error(libc::ECONNRESET);
        let mock = Mock::shared(|| 2)
            .watch(move || Poll::Ready(Unusable::Failed(reset())))
            .check(move || Err(Unusable::Failed(reset())));
        let manager = Manager::builder().connector(mock.clone()).max_per_host(1);
        let manager = manager.build().unwrap();

        let [first, second] = [(); 2].map(|()| manager.allocate(host(0)));
        let (first, second) = tokio::join!(first, second);
        for answer in [first, second] {
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Connect);
            assert_eq!(error.function(), "check");
            assert_eq!(error.error_num(), Some(libc::ECONNRESET));
            assert!(error.is_retryable());
            let text = error.to_string();
            assert!(text.contains("check once it was open: Connection reset by peer"));
        }
        assert_eq!(mock.open.read().total, 2);
        assert_eq!(manager.stats().total.closed_by_peer, 4);
    });
}

#[test]
fn why_is_said_where_the_system_has_no_number() {
    run_on_one_thread(async || {
        let mock = Mock::shared(|| 2).watch(|| Poll::Ready(Unusable::Closed));
        let manager = Manager::builder().connector(mock).build().unwrap();
        let error = manager.allocate(host(0)).await.unwrap_err();
        assert_eq!((error.function(), error.error_num()), ("check", None));
        assert_eq!(error.error_str(), "the peer closed the connection");
        assert!(error.is_retryable());
    });
}
