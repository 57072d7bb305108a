//! The source files that a cold `allocate` to an IP address passes through.
//!
//! Backtraces of a real one show the functions that are on the stack when the manager calls code of
//! its user: the connector, the observer, and the waker of the caller. A backtrace cannot show a
//! function that has returned by then, such as a leaf of the engine. The list of ARCHITECTURE.md
//! names these as well; the test compares the two.

#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in what they share

use std::backtrace::Backtrace;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use keepalive::{
    Attempt, ConnectError, Connector, Host, Manager, NetConnector, NetStream, PathEvent, Request,
};
use tokio::net::TcpListener;

/// The most files, from `Manager::allocate` to connect(2) and back to the lease.
const MOST: usize = 15;

/// `Observer::tell` calls the observer; without one it is not a step of its own.
const HOOK: &str = "connect/observe.rs";

/// The files of our crates on the stacks so far, as ARCHITECTURE.md names them.
#[derive(Clone, Default)]
struct Trace(Arc<Mutex<BTreeSet<String>>>);

impl Trace {
    /// Adds the files on the present stack.
    fn capture(&self) {
        let stack = format!("{:#}", Backtrace::force_capture());
        let files = stack.lines().filter_map(|line| {
            let (path, _line_and_column) = line.trim().strip_prefix("at ")?.split_once(".rs:")?;
            let (_, driver) = path.split_once("crates/keepalive/src/").unwrap_or_default();
            let (_, engine) = path.split_once("crates/engine/src/").unwrap_or_default();
            match (driver, engine) {
                ("", "") => None,
                ("", file) => Some(format!("E/{file}.rs")),
                (file, _) => Some(format!("{file}.rs")),
            }
        });
        let files = files.filter(|file| file != HOOK);
        self.0.lock().unwrap().extend(files);
    }

    fn files(&self) -> BTreeSet<String> {
        self.0.lock().unwrap().clone()
    }
}

/// The default connector, which captures the stack when the manager calls it.
struct Traced {
    net: NetConnector,
    trace: Trace,
}

impl Connector for Traced {
    type Connection = NetStream;

    async fn connect(&self, attempt: &Attempt) -> Result<NetStream, ConnectError> {
        self.trace.capture();
        self.net.connect(attempt).await
    }

    fn shares(&self, host: &Host) -> bool {
        self.trace.capture();
        self.net.shares(host)
    }
}

/// The waker of the caller, which captures the stack when the answer wakes it.
struct TracedWaker {
    caller: Waker,
    trace: Trace,
}

impl Wake for TracedWaker {
    fn wake(self: Arc<Self>) {
        self.trace.capture();
        self.caller.wake_by_ref();
    }
}

impl Drop for TracedWaker {
    fn drop(&mut self) {
        self.trace.capture();
    }
}

/// The files of one cold `allocate`.
async fn trace() -> BTreeSet<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let trace = Trace::default();
    let observer = trace.clone();
    let net = NetConnector::new().observe(move |_, event| {
        if matches!(event, PathEvent::Connecting(_) | PathEvent::Connected(_)) {
            observer.capture();
        }
    });
    let traced = Traced {
        net,
        trace: trace.clone(),
    };
    let manager = Manager::builder().connector(traced).build().unwrap();
    let request = Request::new("tcp", "127.0.0.1", port).unwrap();
    let mut pending = pin!(manager.allocate(request));
    let lease = poll_fn(|context| {
        let caller = context.waker().clone();
        let trace = trace.clone();
        let waker = Waker::from(Arc::new(TracedWaker { caller, trace }));
        let poll = pending.as_mut().poll(&mut Context::from_waker(&waker));
        if poll.is_pending() {
            // The manager has the only other reference, so the drop is its own.
            drop(waker);
        } else {
            std::mem::forget(waker);
        }
        poll
    })
    .await
    .unwrap();
    assert_eq!(lease.from_cache(), None, "the connection is new");
    // The end of a lease is not part of its way.
    std::mem::forget(lease);
    let files = trace.files();
    assert!(!files.is_empty(), "the tests are built with debug info");
    files
}

/// The files that ARCHITECTURE.md names under "One cold `allocate`".
fn listed() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let map = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let (_, section) = map.split_once("\n## One cold `allocate`\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let (_, steps) = section.split_once("\n1. ").unwrap();
    let names = steps.split('`').skip(1).step_by(2);
    let files: BTreeSet<String> = names
        .filter(|name| name.ends_with(".rs"))
        .map(str::to_owned)
        .collect();
    for file in &files {
        let path = match file.strip_prefix("E/") {
            Some(file) => root.join("crates/engine/src").join(file),
            None => root.join("crates/keepalive/src").join(file),
        };
        assert!(path.is_file(), "{file} is listed, but does not exist");
    }
    files
}

#[tokio::test]
async fn a_cold_allocate_passes_through_the_listed_files_and_at_most_fifteen() {
    let (seen, listed) = (trace().await, listed());
    println!("on the stacks: {seen:?}");
    let unlisted: Vec<_> = seen.difference(&listed).collect();
    assert!(unlisted.is_empty(), "not in ARCHITECTURE.md: {unlisted:?}");
    assert!(listed.len() <= MOST, "{} files: {listed:?}", listed.len());
    for file in [
        "api/manager.rs",
        "driver/inputs.rs",
        "driver/deferred.rs",
        "connect/net.rs",
    ] {
        assert!(seen.contains(file), "no backtrace shows {file}: {seen:?}");
    }
}
