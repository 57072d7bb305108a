//! What the tests share: two kinds of runtime, a few peers, and ways to await what they see.
//!
//! Servers run on a thread of their own, so that they go on while a test blocks its runtime or
//! drops it.

mod mock;
mod probe;
mod server;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use keepalive::AllocateError;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::runtime::Builder;
use tokio::sync::watch;

pub(crate) use mock::{Mock, host};
pub(crate) use probe::Probe;
pub(crate) use server::{Order, Refusing, Server, Silent};

/// No test takes longer than this; the few that do a lot say so.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Runs a test on each kind of runtime.
pub(crate) fn run(test: impl AsyncFn()) {
    run_on(&mut Builder::new_current_thread(), LIMIT, &test);
    run_on_threads(LIMIT, test);
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

/// Runs what might never end on a thread of its own, with so many bytes of stack.
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

/// Runs a test on one thread, where whoever blocks it blocks all.
pub(crate) fn run_or_hang(test: impl AsyncFnOnce() + Send + 'static) {
    run_on_a_thread(2 << 20, || {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(test());
    });
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

/// The error of a result whose success can not be printed.
pub(crate) fn error<T, E>(result: Result<T, E>) -> E {
    match result {
        Ok(_) => panic!("this must fail"),
        Err(error) => error,
    }
}

/// Checks for a system error: who met it, its number, and the system's own text for that number.
pub(crate) fn assert_system_error(error: &AllocateError, function: &str, kind: io::ErrorKind) {
    assert_eq!(error.function(), function, "{error}");
    let system = io::Error::from_raw_os_error(error.error_num().expect("a number"));
    assert_eq!(system.kind(), kind, "{error}");
    let text = system.to_string();
    let (text, _) = text.split_once(" (os error").expect("std adds the number");
    assert_eq!(error.error_str(), text);
}

/// Waits for what nothing announces.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(5), "never {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// How many descriptors of this process are sockets connected to `port`, as the system says.
#[cfg(target_os = "linux")]
pub(crate) fn descriptors_to(port: u16) -> usize {
    let descriptors: Vec<_> = std::fs::read_dir("/proc/self/fd")
        .expect("a list of descriptors")
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .collect();
    let sockets = std::fs::read_to_string("/proc/self/net/tcp").expect("a table of sockets");
    let is_ours = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (remote, inode) = (fields[2], fields[9]);
        let descriptor = format!("socket:[{inode}]");
        remote.ends_with(&format!(":{port:04X}"))
            && descriptors
                .iter()
                .any(|open| open.as_os_str() == descriptor.as_str())
    };
    sockets.lines().skip(1).filter(|line| is_ours(line)).count()
}

/// Polls once, with a waker that wakes nobody.
pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// How many of something there are, were at most, and were in all; exact, and awaitable.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauge(Arc<watch::Sender<Tally>>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) now: usize,
    pub(crate) highest: usize,
    pub(crate) total: usize,
    pub(crate) gone: usize,
}

impl Gauge {
    /// Counts one until the answer is dropped.
    pub(crate) fn enter(&self) -> Entered {
        self.0.send_modify(|tally| {
            tally.total += 1;
            tally.now += 1;
            tally.highest = tally.highest.max(tally.now);
        });
        Entered(self.clone())
    }

    pub(crate) fn read(&self) -> Tally {
        *self.0.borrow()
    }

    /// Waits for a change of the tally.
    pub(crate) async fn until(&self, reached: impl FnMut(&Tally) -> bool) {
        let mut tallies = self.0.subscribe();
        tallies.wait_for(reached).await.expect("self is a sender");
    }
}

/// One, as its gauge counts.
pub(crate) struct Entered(Gauge);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.0.send_modify(|tally| {
            tally.now -= 1;
            tally.gone += 1;
        });
    }
}
