//! L6, E1, T2: each fault of a resolver gives every request an error in time, and leaves no task
//! and no descriptor. A request after the fault is served.

#![cfg(target_os = "linux")]

use std::io;
use std::time::Duration;

use crate::support::{LIMIT, Names, Refusing, Server, descriptors_to, error, eventually, found};
use keepalive::{Addresses, ErrorKind, Families, Manager, ResolveError};
use tokio::runtime::{Builder, Handle};

type Answer = fn(&str, Families) -> Result<Addresses, ResolveError>;

/// The faults, and the function that each error names.
const FAULTS: [(&str, Answer, &str); 7] = [
    (
        "there is no such name",
        |_, _| Err(ResolveError::not_found("no such name")),
        "resolve",
    ),
    (
        "the server fails",
        |_, _| Err(ResolveError::new("SERVFAIL")),
        "resolve",
    ),
    (
        "the network fails",
        |_, _| Err(io::Error::from_raw_os_error(libc::ENETUNREACH).into()),
        "resolve",
    ),
    ("no addresses are found", |_, _| found(&[]), "resolve"),
    (
        "addresses of the other family are found",
        |_, _| found(&["::1"]),
        "resolve",
    ),
    (
        "the resolver panics",
        |_, _| panic!("on purpose"),
        "resolve",
    ),
    (
        "a thousand addresses are found, and all refuse",
        |_, _| {
            Ok((0..1000_u32)
                .map(|n| [127, 1, (n >> 8) as u8, n as u8].into())
                .collect())
        },
        "connect",
    ),
];

const REQUESTS: usize = 20;

/// Runs a test on each kind of runtime, and counts the tasks.
fn run_counting_tasks(test: impl AsyncFn()) {
    for threads in [1, 2] {
        let mut builder = match threads {
            1 => Builder::new_current_thread(),
            _ => Builder::new_multi_thread(),
        };
        let runtime = builder.worker_threads(threads).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let done = runtime.block_on(async {
            let done = tokio::time::timeout(LIMIT, test()).await;
            eventually("without tasks", || tasks() == 0).await;
            done
        });
        done.expect("done in time");
    }
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// A manager with room for one connection, which asks `names` for IPv4 alone.
fn manager(names: &Names) -> Manager {
    let net = names.net().families(Families::V4);
    let manager = Manager::builder()
        .connector(net)
        .max_per_host(1)
        .max_open(1);
    manager.build().expect("sound settings")
}

#[test]
fn each_fault_is_an_error_and_nothing_else() {
    run_counting_tasks(async || {
        for (fault, answer, function) in FAULTS {
            let (names, nobody) = (Names::new(answer), Refusing::new());
            let manager = manager(&names);
            let port = nobody.request().host().port();
            let held = descriptors_to(port);
            let request = |n: usize| {
                let name = format!("name{}.test", n % 3);
                keepalive::Request::new("test", name, port).expect("a request")
            };
            let pending: Vec<_> = (0..REQUESTS)
                .map(|n| manager.allocate(request(n)))
                .collect();
            for pending in pending {
                let failed = error(pending.await);
                assert_eq!(failed.kind(), ErrorKind::Connect, "{fault}: {failed}");
                assert_eq!(failed.function(), function, "{fault}: {failed}");
            }
            let totals = manager.totals();
            assert_eq!((totals.open, totals.waiting), (0, 0), "{fault}");
            assert_eq!(descriptors_to(port), held, "{fault}");

            let server = Server::start();
            names.say(|_, _| found(&["127.0.0.1"]));
            let well = manager.allocate(server.request_at("other.test")).await;
            well.expect(fault).close();
            manager.shutdown().await;
        }
    });
}

#[test]
fn one_that_answers_too_late_is_not_waited_for() {
    run_counting_tasks(async || {
        let (server, names) = (Server::start(), Names::at(&["127.0.0.1"]).closed());
        let manager = manager(&names);
        let late = |n: usize| {
            let request = server.request_at(format!("late{n}.test"));
            manager.allocate(request.timeout(Duration::from_millis(30)))
        };
        let pending: Vec<_> = (0..REQUESTS).map(late).collect();
        for pending in pending {
            let failed = error(pending.await);
            assert_eq!(failed.kind(), ErrorKind::Timeout, "{failed}");
        }
        names.lookups.until(|tally| tally.now == 0).await;
        names.pass(REQUESTS);
        let well = manager.allocate(server.request_at("other.test")).await;
        well.expect("it answers now").close();
        server.closed(1).await;
        manager.shutdown().await;
        assert_eq!(manager.totals().open, 0);
    });
}
