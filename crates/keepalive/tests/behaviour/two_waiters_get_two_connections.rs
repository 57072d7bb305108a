//! L5, HikariCP #452: while there is room, each waiter has a connection of its own on its way, and
//! does not rely on another's.

use crate::support::{Probe, Server, run};
use keepalive::Manager;

#[test]
fn both_are_served_though_the_first_never_gives_its_connection_back() {
    run(async || {
        let (server, probe) = (Server::start(), Probe::closed());
        let manager = Manager::builder().connector(probe.clone()).max_per_host(2);
        let manager = manager.build().unwrap();
        let [one, two] = [(); 2].map(|()| manager.allocate(server.request()));
        probe.attempts.until(|attempts| attempts.now == 2).await;
        probe.pass(2);
        let _one = one.await.unwrap();
        let _two = two.await.unwrap();
        assert_eq!(manager.totals().leased, 2);
    });
}

#[test]
fn a_second_one_comes_while_the_first_is_handed_over() {
    run(async || {
        let (server, probe) = (Server::start(), Probe::open());
        let manager = Manager::builder().connector(probe.clone()).max_per_host(2);
        let manager = manager.build().unwrap();
        manager.allocate(server.request()).await.unwrap().free();
        // The idle connection belongs to the first request from here on, taken or not.
        let one = manager.allocate(server.request());
        let two = manager.allocate(server.request());
        let _two = two.await.unwrap();
        let _one = one.await.unwrap();
        assert_eq!(manager.totals().opened, 2);
    });
}
