//! W3: the location of a lease is the line of the user's call, not one inside this crate.

use crate::support::{Server, client, exchange, ok, text};

#[tokio::test]
async fn a_lease_names_the_line_that_asked() {
    let (server, client) = (Server::start().await, client(1));
    let (asked, line) = (client.get(server.uri("/")), line!());
    let (response, _peer) = exchange(asked, server.serve(ok("one"))).await;

    let leases = client.manager().leases();
    let [lease] = &leases[..] else {
        panic!("{leases:?}")
    };
    assert_eq!(
        (lease.location.file(), lease.location.line()),
        (file!(), line)
    );

    text(response.unwrap()).await;
    assert!(client.manager().leases().is_empty());
}
