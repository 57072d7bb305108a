//! M3: public types may move between threads, and handles may be shared.

use std::error::Error;

use keepalive::{
    Address, AllocateError, Attempt, ConfigError, ConnectError, Counts, ErrorKind, FromCache, Host,
    HostStats, IdleOrder, Lease, LeaseInfo, Mailbox, MailboxClosed, Manager, ManagerBuilder,
    NetConnector, NetStream, Pending, Phase, Reason, Request, RequestError, RequestId, Response,
    Responses, Shutdown, Stats, Timing, Unusable, Waiting, WaitingTime,
};

fn send<T: Send>() {}

fn shared<T: Send + Sync>() {}

fn error<T: Error + Send + Sync + 'static>() {}

#[test]
fn handles_and_values_are_send_and_sync() {
    shared::<Manager>();
    shared::<Mailbox<String>>();
    shared::<(NetConnector, Attempt, ManagerBuilder)>();
    shared::<(Request, Host, Address, RequestId)>();
    shared::<(Stats, HostStats, Counts, WaitingTime, LeaseInfo, Timing)>();
    shared::<(
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
    shared::<(
        keepalive::Tls,
        keepalive::TlsBuilder,
        keepalive::TlsInfo<'_>,
    )>();
    #[cfg(feature = "tls")]
    error::<keepalive::TlsConfigError>();
}

#[test]
fn what_one_task_holds_may_move_to_another() {
    send::<(Pending, Lease, NetStream, Shutdown<NetConnector>)>();
    send::<(Responses<String>, Response<String>)>();
}

#[test]
fn errors_are_errors_that_may_cross_threads() {
    error::<AllocateError>();
    error::<RequestError>();
    error::<ConfigError>();
    error::<ConnectError>();
    error::<MailboxClosed<String>>();
}
