//! C8: closing takes at most `close_timeout`; a connection that never closes holds no slot.

use std::task::{Context, Poll};
use std::time::Duration;

use crate::support::{Entered, Gauge, run};
use keepalive::{Attempt, ConnectError, Connection, Connector, Manager, Request, Unusable};

/// Opens connections that never finish closing.
#[derive(Default)]
struct Stuck {
    open: Gauge,
}

impl Connector for Stuck {
    type Connection = NeverCloses;

    async fn connect(&self, _attempt: &Attempt) -> Result<NeverCloses, ConnectError> {
        Ok(NeverCloses {
            _open: self.open.enter(),
        })
    }
}

struct NeverCloses {
    _open: Entered,
}

impl Connection for NeverCloses {
    fn poll_unusable(&mut self, _cx: &mut Context<'_>) -> Poll<Unusable> {
        Poll::Pending
    }

    fn check(&mut self) -> Result<(), Unusable> {
        Ok(())
    }

    fn poll_close(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

#[test]
fn a_slot_comes_back_from_a_connection_that_never_closes() {
    run(async || {
        let stuck = Stuck::default();
        let open = stuck.open.clone();
        let manager = Manager::builder()
            .connector(stuck)
            .max_open(1)
            .close_timeout(Duration::from_millis(20))
            .build()
            .unwrap();
        for round in 1..=3 {
            let request = Request::new("stuck", "127.0.0.1", 1).unwrap();
            let lease = manager.allocate(request).await.unwrap();
            let tally = open.read();
            assert_eq!((tally.now, tally.highest, tally.total), (1, 1, round));
            lease.close();
        }
        assert_eq!(manager.shutdown().await, 0);
        assert_eq!(open.read().now, 0);
    });
}
