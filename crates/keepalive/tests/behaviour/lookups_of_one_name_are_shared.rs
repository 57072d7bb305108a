//! N1: all requests for a name that is being looked up wait for one lookup.

use crate::support::{Names, Server, run};
use keepalive::Manager;

#[test]
fn a_hundred_requests_need_one_lookup() {
    run(async || {
        let (server, names) = (Server::start(), Names::at(&["127.0.0.1"]).closed());
        let net = names.net();
        let manager = Manager::builder().connector(net.clone()).max_per_host(99);
        let manager = manager.build().unwrap();
        let spellings = ["example.test", "Example.TEST", "example.test."];
        let asking: Vec<_> = (0..99)
            .map(|n| manager.allocate(server.request_at(spellings[n % 3])))
            .collect();
        let elsewhere = Manager::builder().connector(net).build().unwrap();
        let asked_elsewhere = elsewhere.allocate(server.request_at("example.test"));
        names.lookups.until(|tally| tally.now == 1).await;
        names.pass(1);
        for pending in asking {
            pending.await.unwrap().close();
        }
        asked_elsewhere.await.unwrap().close();
        assert_eq!(names.asked(), ["example.test"]);
    });
}

#[test]
fn other_names_have_their_own() {
    run(async || {
        let (server, names) = (Server::start(), Names::at(&["127.0.0.1"]));
        let manager = names.manager();
        for name in ["a.test", "b.test"] {
            manager
                .allocate(server.request_at(name))
                .await
                .unwrap()
                .close();
        }
        assert_eq!(names.asked(), ["a.test", "b.test"]);
    });
}
