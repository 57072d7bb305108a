//! X1: concurrent lookups are bounded; further names wait in order of arrival.

use crate::support::{Names, Server, run};
use keepalive::{Manager, NetConnector};

/// Requests `count` names at once, and lets their lookups pass when `begun` of them have begun.
async fn ask_for(count: usize, names: &Names, net: NetConnector, begun: usize) {
    let server = Server::start();
    let manager = Manager::builder()
        .connector(net)
        .build()
        .expect("sound settings");
    let request = |n| server.request_at(format!("n{n}.test"));
    let asking: Vec<_> = (0..count).map(|n| manager.allocate(request(n))).collect();
    names.lookups.until(|tally| tally.now >= begun).await;
    names.pass(count);
    for pending in asking {
        pending.await.expect("a connection").close();
    }
}

#[test]
fn sixteen_or_as_many_as_is_said() {
    run(async || {
        for (said, most) in [(None, 16), (Some(2), 2), (Some(0), 1)] {
            let names = Names::at(&["127.0.0.1"]).closed();
            let net = match said {
                Some(lookups) => names.net().max_lookups(lookups),
                None => names.net(),
            };
            ask_for(20, &names, net, most).await;
            let lookups = names.lookups.read();
            assert_eq!((lookups.highest, lookups.total), (most, 20));
        }
    });
}

#[tokio::test]
async fn in_order_of_arrival() {
    let names = Names::at(&["127.0.0.1"]).closed();
    ask_for(4, &names, names.net().max_lookups(1), 1).await;
    assert_eq!(names.asked(), ["n0.test", "n1.test", "n2.test", "n3.test"]);
}
