//! M1: a manager without settings has the documented limits and times.

use std::task::Poll;
use std::time::Duration;

use crate::support::{Mock, error, host};
use keepalive::{ErrorKind, Manager, Pending, Reason};
use tokio::time::{Instant, sleep};

const MOMENT: Duration = Duration::from_millis(10);

fn manager(mock: &Mock) -> Manager<Mock> {
    let built = Manager::builder().connector(mock.clone()).build();
    built.expect("the defaults can work")
}

#[tokio::test(start_paused = true)]
async fn four_connections_of_a_host_and_128_in_total_by_default() {
    let mock = Mock::new();
    let manager = manager(&mock);
    let all: Vec<_> = (0..5)
        .flat_map(|_| 0..40)
        .map(|number| manager.allocate(host(number)))
        .collect();
    sleep(MOMENT).await;
    let stats = manager.stats();
    assert_eq!((stats.total.open, stats.total.waiting), (128, 200 - 128));
    let most = stats.hosts.iter().map(|host| host.counts.open).max();
    assert_eq!(most, Some(4));

    let reasons: Vec<_> = all.iter().filter_map(Pending::waiting).collect();
    let has = |reason: Reason| reasons.iter().any(|waiting| waiting.reason() == reason);
    assert!(has(Reason::HostLimit { in_use: 4, max: 4 }), "{reasons:?}");
    let (open, max) = (128, 128);
    assert!(has(Reason::TotalLimit { open, max }), "{reasons:?}");
    assert_eq!(reasons.len(), 200 - 128);
}

#[tokio::test(start_paused = true)]
async fn requests_time_out_after_120_s_by_default() {
    let manager = manager(&Mock::stuck());
    assert_eq!(manager.timeout(), Duration::from_secs(120));
    let asked = Instant::now();
    let late = error(manager.allocate(host(0)).await);
    assert_eq!(late.kind(), ErrorKind::Timeout);
    let waited = asked.elapsed();
    assert!(waited >= Duration::from_secs(120), "{waited:?}");
    assert!(waited < Duration::from_secs(120) + MOMENT, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_kept_for_15_s_by_default() {
    let manager = manager(&Mock::new());
    manager.allocate(host(0)).await.expect("it opens").free();
    sleep(Duration::from_secs(15) - MOMENT).await;
    assert_eq!(manager.totals().idle, 1);
    sleep(2 * MOMENT).await;
    assert_eq!((manager.totals().idle, manager.totals().expired), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_close_takes_5_s_at_most_by_default() {
    let manager = manager(&Mock::new().close(|| Poll::Pending));
    manager.allocate(host(0)).await.expect("it opens").close();
    sleep(Duration::from_secs(5) - MOMENT).await;
    assert_eq!((manager.totals().open, manager.totals().closing), (1, 1));
    sleep(2 * MOMENT).await;
    assert_eq!(manager.totals().open, 0);
}

#[tokio::test(start_paused = true)]
async fn connections_have_no_last_use_and_no_end_by_default() {
    let mock = Mock::new();
    let manager = manager(&mock);
    for _ in 0..10_000 {
        manager.allocate(host(0)).await.expect("it opens").free();
        sleep(Duration::from_secs(14)).await;
    }
    assert_eq!(mock.open.read().total, 1);
}
