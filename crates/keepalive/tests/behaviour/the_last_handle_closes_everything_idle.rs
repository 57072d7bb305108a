//! M5: when the last handle goes, idle connections close, waiters get an error, leases stay usable.

#![cfg(target_os = "linux")]

use crate::support::{Server, descriptors_to, echo, error, eventually, run};
use keepalive::{ErrorKind, Manager};

#[test]
fn the_last_handle_ends_what_nobody_holds() {
    run(async || {
        let (server, idle) = (Server::start(), Server::start());
        let manager = Manager::builder().max_per_host(1).build().unwrap();
        manager.allocate(idle.request()).await.unwrap().free();
        let mut held = manager.allocate(server.request()).await.unwrap();
        let waiting = manager.allocate(server.request());

        let last = manager.clone();
        drop(manager);
        let totals = last.totals();
        assert_eq!((totals.idle, totals.leased, totals.waiting), (1, 1, 1));
        drop(last);
        assert_eq!(error(waiting.await).kind(), ErrorKind::ShutDown);
        idle.closed(1).await;
        eventually("closed", || descriptors_to(idle.port()) == 0).await;

        echo(&mut held, "without a manager").await;
        held.free();
        server.closed(1).await;
        eventually("closed", || descriptors_to(server.port()) == 0).await;
    });
}
