//! R6, httpclient #309: when an attempt succeeds at the very deadline of its request, the request
//! gets the connection or a timeout, and no slot is lost.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use crate::support::{Mock, host};
use keepalive::{Attempt, ConnectError, Connector, ErrorKind, Manager};
use tokio::time::sleep;

/// Connects after a time.
struct Late(Mock, Duration);

impl Connector for Late {
    type Connection = <Mock as Connector>::Connection;

    async fn connect(&self, attempt: &Attempt) -> Result<Self::Connection, ConnectError> {
        sleep(self.1).await;
        Connector::connect(&self.0, attempt).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_little_before() {
    assert!(serves_after(LIMIT - MILLI).await);
}

#[tokio::test(start_paused = true)]
async fn in_the_same_instant() {
    // Either is right.
    serves_after(LIMIT).await;
}

#[tokio::test(start_paused = true)]
async fn a_little_after() {
    assert!(!serves_after(LIMIT + MILLI).await);
}

const LIMIT: Duration = Duration::from_millis(100);
const MILLI: Duration = Duration::from_millis(1);

/// Whether a request was served by an attempt that takes so long.
async fn serves_after(time: Duration) -> bool {
    let mock = Mock::new();
    let manager = Manager::builder().connector(Late(mock.clone(), time));
    let manager = manager.max_per_host(1).build().unwrap();
    let served = match manager.allocate(host(0).timeout(LIMIT)).await {
        Ok(lease) => {
            lease.free();
            true
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Timeout);
            false
        }
    };
    manager.allocate(host(0)).await.unwrap().free();
    let totals = manager.totals();
    assert_eq!((totals.open, totals.idle, totals.waiting), (1, 1, 0));
    assert_eq!(totals.timed_out, u64::from(!served));
    assert_eq!(mock.open.read().highest, 1);
    served
}
