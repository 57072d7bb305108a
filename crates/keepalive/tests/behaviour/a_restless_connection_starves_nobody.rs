//! C3: a connection that wakes its watcher all the time does not starve other tasks.

use std::time::Duration;

use crate::support::{Mock, host, run_or_hang};
use keepalive::Manager;

#[test]
fn other_tasks_of_the_thread_go_on() {
    run_or_hang(async || {
        let mock = Mock::new().wakes_itself();
        let manager = Manager::builder().connector(mock).build().unwrap();
        manager.allocate(host(0)).await.unwrap().free();
        for _ in 0..10 {
            tokio::spawn(tokio::task::yield_now()).await.unwrap();
            tokio::time::sleep(Duration::from_micros(1)).await;
        }
        assert_eq!(manager.totals().idle, 1);
    });
}
