//! N6: an observer of a connector receives each step on the way to a host.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use keepalive::{Manager, NetConnector, PathEvent, errno};

use crate::support::{Names, Server, error, run};

/// Records the steps without their ports.
#[derive(Clone, Default)]
struct Steps(Arc<Mutex<Vec<String>>>);

impl Steps {
    fn manager(&self, net: NetConnector) -> Manager {
        self.manager_from(None, net)
    }

    fn manager_from(&self, local: Option<IpAddr>, net: NetConnector) -> Manager {
        let steps = Arc::clone(&self.0);
        let net = net.observe(move |attempt, event| {
            let step = match event {
                PathEvent::LookingUp { name, .. } => format!("looking up {name}"),
                PathEvent::Found {
                    origin, addresses, ..
                } => format!("{origin:?} {addresses:?}"),
                PathEvent::NotFound { error, .. } => format!("not found: {}", error.error_str()),
                PathEvent::Connecting(address) => format!("to {}", address.ip()),
                PathEvent::Connected(address) => format!("connected {}", address.ip()),
                PathEvent::Failed(address, error) => {
                    format!("failed {} {:?}", address.ip(), error.error_num())
                }
                other => format!("{other:?}"),
            };
            let host = attempt.host().address().to_string();
            let mut steps = steps.lock().expect("no panic");
            steps.push(format!("{host}: {step}"));
        });
        let mut builder = Manager::builder().connector(net);
        if let Some(address) = local {
            builder = builder.bind_address(address);
        }
        builder.build().expect("a manager")
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }
}

#[test]
fn an_observer_receives_the_addresses_and_the_result_of_each() {
    run(async || {
        let (server, steps) = (Server::start(), Steps::default());
        let names = Names::at(&["127.0.0.77", "127.0.0.1", "127.0.0.78"]);
        let manager = steps.manager(names.net());
        let request = server.request_at("h.test");
        manager.allocate(&request).await.unwrap().close();
        let refused = errno::ECONNREFUSED;
        assert_eq!(
            steps.told(),
            [
                "h.test: looking up h.test".to_owned(),
                "h.test: LookedUp [127.0.0.77, 127.0.0.1, 127.0.0.78]".to_owned(),
                "h.test: to 127.0.0.77".to_owned(),
                format!("h.test: failed 127.0.0.77 Some({refused})"),
                "h.test: to 127.0.0.1".to_owned(),
                "h.test: connected 127.0.0.1".to_owned(),
            ]
        );
        manager.allocate(&request).await.unwrap().close();
        assert_eq!(
            steps.told(),
            [
                "h.test: looking up h.test",
                "h.test: Kept [127.0.0.77, 127.0.0.1, 127.0.0.78]",
                "h.test: to 127.0.0.1",
                "h.test: connected 127.0.0.1",
            ]
        );
    });
}

#[test]
fn an_observer_receives_a_numeric_address() {
    run(async || {
        let (server, steps) = (Server::start(), Steps::default());
        let manager = steps.manager(NetConnector::new());
        manager.allocate(server.request()).await.unwrap().close();
        assert_eq!(
            steps.told(),
            ["127.0.0.1: to 127.0.0.1", "127.0.0.1: connected 127.0.0.1"]
        );
    });
}

#[test]
fn an_observer_receives_an_address_unreachable_from_the_bind_address() {
    run(async || {
        let (server, steps) = (Server::start(), Steps::default());
        let names = Names::at(&["::1", "127.0.0.1"]);
        let local = "127.0.0.1".parse().unwrap();
        let manager = steps.manager_from(Some(local), names.net());
        let request = server.request_at("h.test");
        manager.allocate(&request).await.unwrap().close();
        let no_such_family = errno::EAFNOSUPPORT;
        assert_eq!(
            steps.told()[2..],
            [
                format!("h.test: failed ::1 Some({no_such_family})"),
                "h.test: to 127.0.0.1".to_owned(),
                "h.test: connected 127.0.0.1".to_owned(),
            ]
        );
    });
}

#[test]
fn an_observer_receives_a_name_without_an_address() {
    run(async || {
        let steps = Steps::default();
        let net = NetConnector::new()
            .resolve_to_addrs("none.test", [])
            .unwrap();
        let request = Server::start().request_at("none.test");
        error(steps.manager(net).allocate(request).await);
        assert_eq!(
            steps.told(),
            [
                "none.test: looking up none.test",
                "none.test: not found: the name has no address",
            ]
        );
    });
}

#[cfg(feature = "proxy")]
#[test]
fn an_observer_receives_a_proxy_before_its_addresses() {
    run(async || {
        let steps = Steps::default();
        let net =
            NetConnector::new().resolve_to_addrs("proxy.test", ["127.0.0.77".parse().unwrap()]);
        let proxy: keepalive::Proxy = "socks5://proxy.test:9".parse().unwrap();
        let net = net.unwrap().proxy(proxy);
        let net = net
            .resolve_to_addrs("h.test", ["192.0.2.1".parse().unwrap()])
            .unwrap();
        let request = Server::start().request_at("h.test");
        error(steps.manager(net).allocate(request).await);
        let refused = errno::ECONNREFUSED;
        let told = steps.told();
        assert!(told[0].contains("ByProxy"), "{told:?}");
        assert_eq!(
            told[1..],
            [
                "h.test: looking up h.test".to_owned(),
                "h.test: Given [192.0.2.1]".to_owned(),
                "h.test: looking up proxy.test".to_owned(),
                "h.test: Given [127.0.0.77]".to_owned(),
                "h.test: to 127.0.0.77".to_owned(),
                format!("h.test: failed 127.0.0.77 Some({refused})"),
            ]
        );
    });
}
