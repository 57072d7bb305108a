//! Helpers that the tests share: two kinds of runtime, a few peers, and ways to wait for events.
//!
//! Servers run on a thread of their own, so that they go on while a test blocks its runtime or
//! drops it.

mod mock;
mod names;
mod probe;
#[cfg(feature = "proxy")]
pub(crate) mod proxy;
mod server;
#[cfg(feature = "tls")]
pub(crate) mod tls;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use keepalive::{AllocateError, Connector, Manager, ManagerBuilder};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

#[cfg(target_os = "linux")]
pub(crate) use keepalive_testkit::net::census::descriptors_to;
#[cfg(all(target_os = "linux", feature = "tls"))]
pub(crate) use keepalive_testkit::net::census::unread_from;
pub(crate) use keepalive_testkit::net::gauge::{Entered, Gauge};
pub(crate) use keepalive_testkit::wait::{eventually, eventually_blocking};
pub(crate) use mock::{Mock, host};
pub(crate) use names::{Names, found};
pub(crate) use probe::Probe;
pub(crate) use server::{Order, Refusing, Server, Silent};

/// No test takes longer than this; the few that do a lot say so.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// A manager with these settings.
pub(crate) fn build<C: Connector>(
    change: impl FnOnce(ManagerBuilder) -> ManagerBuilder<C>,
) -> Manager<C> {
    let manager = change(Manager::builder()).build();
    manager.expect("settings that work")
}

/// Runs a test on each kind of runtime.
pub(crate) fn run(test: impl AsyncFn()) {
    run_on_one_thread(&test);
    run_on_threads(LIMIT, test);
}

/// Runs a test on one thread: no task goes on while the test does.
pub(crate) fn run_on_one_thread(test: impl AsyncFn()) {
    run_on(&mut Builder::new_current_thread(), LIMIT, &test);
}

/// Runs a test on two threads.
pub(crate) fn run_on_threads(limit: Duration, test: impl AsyncFn()) {
    run_on(Builder::new_multi_thread().worker_threads(2), limit, &test);
}

fn run_on(builder: &mut Builder, limit: Duration, test: &impl AsyncFn()) {
    let runtime = builder.enable_all().build().expect("a runtime");
    runtime
        .block_on(async { tokio::time::timeout(limit, test()).await })
        .unwrap_or_else(|_| panic!("not done within {limit:?} on {:?}", runtime.metrics()));
    runtime.shutdown_background();
}

/// Runs a test that might never end on a thread of its own, with so many bytes of stack.
pub(crate) fn run_on_a_thread<T: Send + 'static>(
    stack: usize,
    test: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::Builder::new().stack_size(stack);
    let thread = thread.spawn(move || sender.send(test()));
    let thread = thread.expect("a thread");
    match receiver.recv_timeout(Duration::from_secs(5)) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(_) => unreachable!("it was sent"),
        },
    }
}

/// Runs a test on one thread, where a blocking call blocks all tasks.
pub(crate) fn run_or_hang(test: impl AsyncFnOnce() + Send + 'static) {
    run_on_a_thread(2 << 20, || {
        on_one_thread().block_on(test());
    });
}

/// A runtime on one thread, which a test drives.
pub(crate) fn on_one_thread() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime")
}

/// Writes a line, and reads a line.
pub(crate) async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), line: &str) -> String {
    stream
        .write_all(format!("{line}\n").as_bytes())
        .await
        .expect("the peer listens");
    let mut answer = Vec::new();
    // Byte by byte, so that nothing beyond the line is taken from the socket.
    loop {
        match stream.read_u8().await.expect("the peer answers") {
            b'\n' => return String::from_utf8(answer).expect("text"),
            byte => answer.push(byte),
        }
    }
}

/// Writes a line, and must read the same.
pub(crate) async fn echo(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), line: &str) {
    assert_eq!(ask(stream, line).await, line);
}

/// Reads as many bytes as this text has, which must be the text.
#[cfg(feature = "proxy")]
pub(crate) async fn hear(stream: &mut (impl AsyncRead + Unpin), text: &str) {
    let mut said = vec![0; text.len()];
    let read = stream.read_exact(&mut said).await;
    read.expect("it has been said");
    assert_eq!(String::from_utf8_lossy(&said), text);
}

/// The error of a result whose success can not be printed.
pub(crate) fn error<T, E>(result: Result<T, E>) -> E {
    match result {
        Ok(_) => panic!("this must fail"),
        Err(error) => error,
    }
}

/// Checks a system error: the function that met it, its number, and the system's text for that.
pub(crate) fn assert_system_error(error: &AllocateError, function: &str, kind: io::ErrorKind) {
    assert_eq!(error.function(), function, "{error}");
    let system = io::Error::from_raw_os_error(error.error_num().expect("a number"));
    assert_eq!(system.kind(), kind, "{error}");
    let text = system.to_string();
    let (text, _) = text.split_once(" (os error").expect("std adds the number");
    assert_eq!(error.error_str(), text);
}

/// Polls once, with a waker that does nothing.
pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
