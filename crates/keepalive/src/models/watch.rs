//! Connections that the peer closes as they change hands.

use loom::thread::JoinHandle;

use super::rig::{Rig, answer, explore};

#[test]
fn a_connection_freed_as_its_peer_closes_it_goes() {
    explore(|| {
        let rig = Rig::new(|_| {});
        let lease = rig.lease(rig.request(0));
        let closing = close(&rig);
        lease.free();
        closing.join().expect("all are closed");
        rig.runtime.run();
        assert_eq!(rig.rest(), 0, "C3");
    });
}

#[test]
fn a_connection_taken_as_its_peer_closes_it_goes() {
    explore(|| {
        let rig = Rig::new(|_| {});
        rig.idle(rig.request(0));
        let closing = close(&rig);
        let mut pending = rig.ask(rig.request(0));
        if let Some(lease) = answer(&mut pending) {
            lease.expect("a connection").free();
        }
        drop(pending);
        closing.join().expect("all are closed");
        rig.runtime.run();
        assert_eq!(rig.rest(), 0, "C3");
    });
}

/// Closes all connections, and runs the maintenance task, as on the reactor's thread.
pub(super) fn close(rig: &Rig) -> JoinHandle<()> {
    rig.beside(|rig| {
        rig.mock.close();
        rig.runtime.run();
    })
}
