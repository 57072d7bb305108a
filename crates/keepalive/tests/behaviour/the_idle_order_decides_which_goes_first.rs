//! C4: the idle connection returned last goes first, or the one returned first, as set.

use crate::support::{Server, ask, run};
use keepalive::{IdleOrder, Manager};

/// The clients of two connections in the order of their return, and the client handed out next.
async fn handed_out(manager: &Manager) -> ([String; 2], String) {
    let server = Server::start();
    let mut first = manager.allocate(server.request()).await.expect("room");
    let mut second = manager.allocate(server.request()).await.expect("room");
    let returned = [ask(&mut first, "who").await, ask(&mut second, "who").await];
    first.free();
    second.free();
    let mut next = manager.allocate(server.request()).await.expect("room");
    let next = ask(&mut next, "who").await;
    (returned, next)
}

#[test]
fn by_default_the_one_returned_last_goes_first() {
    run(async || {
        let ([_, last], next) = handed_out(&Manager::new()).await;
        assert_eq!(next, last);
    });
}

#[test]
fn in_fifo_order_the_one_returned_first_goes_first() {
    run(async || {
        let manager = Manager::builder().idle_order(IdleOrder::Fifo);
        let ([first, _], next) = handed_out(&manager.build().unwrap()).await;
        assert_eq!(next, first);
    });
}
