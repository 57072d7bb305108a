//! N5: a name with an override of its addresses is never looked up.

use std::net::{IpAddr, Ipv4Addr};

use crate::support::{Names, Server, echo, error, run};
use keepalive::{Manager, NetConnector};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn manager(net: NetConnector) -> Manager {
    Manager::builder()
        .connector(net)
        .build()
        .expect("sound settings")
}

#[test]
fn the_override_wins() {
    run(async || {
        let (server, names) = (Server::start(), Names::at(&["127.0.0.9"]));
        // Nobody listens at the first address.
        let addresses = [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9)), HERE];
        let net = names
            .net()
            .resolve_to_addrs("Example.TEST.", addresses)
            .unwrap();
        let mut lease = manager(net)
            .allocate(server.request_at("example.test"))
            .await
            .unwrap();
        echo(&mut lease, "by a name that nobody knows").await;
        assert_eq!(names.asked().len(), 0);
    });
}

#[test]
fn the_last_counts_and_other_names_are_looked_up() {
    run(async || {
        let (server, names) = (Server::start(), Names::at(&["127.0.0.1"]));
        let net = NetConnector::new()
            .resolve_to_addrs("example.test", [])
            .unwrap();
        let net = net.resolve_to_addrs("example.test", [HERE]).unwrap();
        let manager = manager(net.resolver(names.clone()));
        for name in ["example.test", "other.test"] {
            manager
                .allocate(server.request_at(name))
                .await
                .unwrap()
                .close();
        }
        assert_eq!(names.asked(), ["other.test"]);
    });
}

#[test]
fn a_name_without_addresses_is_an_error_of_resolve() {
    run(async || {
        let net = NetConnector::new()
            .resolve_to_addrs("example.test", [])
            .unwrap();
        let request = Server::start().request_at("example.test");
        let none = error(manager(net).allocate(request).await);
        assert_eq!(none.function(), "resolve");
        assert_eq!(none.error_str(), "the name has no address");
    });
}

#[test]
fn what_is_no_name_is_an_error_that_says_so() {
    for name in ["", "127.0.0.1", "[::1]", "a b", "256.1.1.1"] {
        let error = NetConnector::new()
            .resolve_to_addrs(name, [HERE])
            .unwrap_err();
        assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
    }
}
