//! M4, R6: if the runtime ends and then the connection of an untaken answer dies, the answer
//! becomes an error and the request does not hang.

use std::pin::pin;
use std::task::Poll;

use crate::support::{Mock, eventually, host, poll_once};
use keepalive::{ErrorKind, Manager};
use tokio::runtime::Builder;

#[test]
fn it_is_told_so_at_once() {
    let mock = Mock::shared(|| 2);
    let manager = Manager::builder().connector(mock.clone()).max_per_host(1);
    let manager = manager.build().unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (lease, answered) = runtime.block_on(async {
        let lease = manager.allocate(host(0)).await.unwrap();
        let answered = manager.allocate(host(0));
        eventually("answered", || answered.waiting().is_none()).await;
        (lease, answered)
    });
    drop(runtime);

    // The other lease keeps the connection open, and so the host at its limit.
    mock.peer_closes();
    match poll_once(pin!(answered)) {
        Poll::Ready(Err(error)) => assert_eq!(error.kind(), ErrorKind::Runtime),
        Poll::Ready(Ok(_)) => panic!("its connection has died"),
        Poll::Pending => panic!("nothing will ever end this wait"),
    }
    drop(lease);
    assert_eq!(manager.totals().open, 0);
}
