//! Settings: defaults, extremes, and errors for values that cannot work. The public types' bounds.

use std::error::Error;
use std::task::Poll;
use std::time::Duration;

use keepalive::{
    Address, AllocateError, Attempt, ConfigError, ConnectError, Counts, ErrorKind, FromCache, Host,
    HostStats, IdleOrder, Lease, LeaseInfo, Mailbox, MailboxClosed, Manager, ManagerBuilder,
    NetConnector, NetStream, Pending, Phase, Reason, Request, RequestError, RequestId, Response,
    Responses, Shutdown, Stats, Timing, Unusable, Waiting, WaitingTime,
};
use tokio::time::{Instant, sleep};

use crate::support::{Mock, Server, build, echo, error, host, run};

const MOMENT: Duration = Duration::from_millis(10);

fn manager(mock: &Mock) -> Manager<Mock> {
    build(|it| it.connector(mock.clone()))
}

/// M1: a manager without settings has the documented limits and times.
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

async fn assert_works(manager: &Manager) {
    let server = Server::start();
    for from_cache in [None, Some(FromCache::Immediate)] {
        let request = server.request();
        let request = request.timeout(Duration::MAX).queue_timeout(Duration::MAX);
        let mut lease = manager.allocate(request).await.expect("a connection");
        assert_eq!(lease.from_cache(), from_cache);
        echo(&mut lease, "works").await;
        lease.free();
    }
    assert_eq!(manager.shutdown().within(Duration::MAX).await, 0);
}

/// M2: the largest and the smallest allowed value of every setting work.
#[test]
fn the_largest_settings_work() {
    run(async || {
        let manager = build(|it| {
            it.max_per_host(usize::MAX)
                .max_open(usize::MAX)
                .max_queued(usize::MAX)
                .max_connecting(usize::MAX)
                .max_uses(u64::MAX)
                .max_reuse_streak(u32::MAX)
                .keep_alive(Duration::MAX)
                .timeout(Duration::MAX)
                .max_lifetime(Duration::MAX)
                .lifetime_jitter(1.0)
                .close_timeout(Duration::MAX)
        });
        assert_works(&manager).await;
    });
}

#[test]
fn the_smallest_limits_work() {
    run(async || {
        let manager = build(|it| {
            it.max_per_host(1)
                .max_open(1)
                .max_queued(1)
                .max_connecting(1)
                .max_uses(2)
                .max_reuse_streak(0)
                .lifetime_jitter(0.0)
                .close_timeout(Duration::from_nanos(1))
        });
        assert_works(&manager).await;
    });
}

#[track_caller]
fn assert_refused(builder: ManagerBuilder, setting: &str, value: &str) {
    let error = error(builder.build());
    assert_eq!(error.setting(), setting);
    let text = error.to_string();
    let rest = text.replace(setting, "");
    assert_ne!(rest, text, "{text:?} does not name {setting}");
    assert!(rest.contains(value), "{text:?} does not say {value}");
}

/// M2: a setting that cannot work is an error that names it, its value and the allowed range.
#[test]
fn zero_limits_are_refused() {
    let builder = Manager::builder;
    assert_refused(builder().max_per_host(0), "max_per_host", "0");
    assert_refused(builder().max_open(0), "max_open", "0");
    assert_refused(builder().max_queued(0), "max_queued", "0");
    assert_refused(builder().max_connecting(0), "max_connecting", "0");
    assert_refused(builder().max_uses(0), "max_uses", "0");
}

#[test]
fn zero_times_are_refused() {
    let (builder, zero) = (Manager::builder, Duration::ZERO);
    assert_refused(builder().timeout(zero), "timeout", "0");
    assert_refused(builder().max_lifetime(zero), "max_lifetime", "0");
    assert_refused(builder().close_timeout(zero), "close_timeout", "0");
}

#[test]
fn a_jitter_that_is_no_share_is_refused() {
    for jitter in [-0.5, 1.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let builder = Manager::builder().lifetime_jitter(jitter);
        assert_refused(builder, "lifetime_jitter", &jitter.to_string());
    }
}

#[test]
fn a_bad_setting_among_good_ones_is_named() {
    let builder = Manager::builder().max_per_host(3).max_open(0).max_uses(7);
    assert_refused(builder, "max_open", "0");
}

fn is_send<T: Send>() {}

fn is_shared<T: Send + Sync>() {}

fn is_error<T: Error + Send + Sync + 'static>() {}

/// M3: public types may move between threads, and handles may be shared.
#[test]
fn handles_and_values_are_send_and_sync() {
    is_shared::<Manager>();
    is_shared::<Mailbox<String>>();
    is_shared::<(NetConnector, Attempt, ManagerBuilder)>();
    is_shared::<(Request, Host, Address, RequestId)>();
    is_shared::<(Stats, HostStats, Counts, WaitingTime, LeaseInfo, Timing)>();
    is_shared::<(
        Waiting,
        Reason,
        Phase,
        FromCache,
        IdleOrder,
        ErrorKind,
        Unusable,
    )>();
}

#[test]
fn tls_settings_are_send_and_sync() {
    #[cfg(feature = "tls")]
    is_shared::<(
        keepalive::Tls,
        keepalive::TlsBuilder,
        keepalive::TlsInfo<'_>,
    )>();
    #[cfg(feature = "tls")]
    is_error::<keepalive::TlsConfigError>();
}

#[test]
fn answers_and_leases_are_send() {
    is_send::<(Pending, Lease, NetStream, Shutdown<NetConnector>)>();
    is_send::<(Responses<String>, Response<String>)>();
}

#[test]
fn errors_are_send_and_sync() {
    is_error::<AllocateError>();
    is_error::<RequestError>();
    is_error::<ConfigError>();
    is_error::<ConnectError>();
    is_error::<MailboxClosed<String>>();
}
