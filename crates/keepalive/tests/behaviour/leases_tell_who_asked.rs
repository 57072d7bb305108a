//! W3: the manager lists its leases, longest held first, with the source line that requested each.

use std::time::Duration;

use crate::support::{Server, run};
use keepalive::Manager;

#[test]
fn leases_name_the_file_and_line_that_asked() {
    run(async || {
        let server = Server::start();
        let manager = Manager::new();
        assert!(manager.leases().is_empty());

        let lines = [line!() + 1, line!() + 5];
        let first = manager.allocate(server.request());
        let first = first.await.unwrap();
        let (mailbox, mut responses) = keepalive::mailbox();
        #[rustfmt::skip]
        manager.allocate_to(&mailbox, server.request(), "posted", ()).unwrap();
        let second = responses.recv().await.unwrap().into_connection().unwrap();

        let leases = manager.leases();
        let ids: Vec<_> = leases.iter().map(|lease| lease.id).collect();
        assert_eq!(ids, [first.id(), second.id()]);
        for (lease, line) in leases.iter().zip(lines) {
            assert_eq!(
                (lease.location.file(), lease.location.line()),
                (file!(), line)
            );
            assert_eq!(&lease.host, first.host());
        }
        assert!(leases[0].held >= leases[1].held);
        assert!(leases[0].held > Duration::ZERO);

        first.free();
        assert_eq!(manager.leases().len(), 1);
        drop(second);
        assert!(manager.leases().is_empty());
    });
}
