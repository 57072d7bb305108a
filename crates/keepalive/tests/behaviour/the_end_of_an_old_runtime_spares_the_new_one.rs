//! M4: a runtime that ends takes its own pending requests along, and none of the next runtime.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use crate::support::{Mock, error, host, run_on_a_thread};
use keepalive::{ErrorKind, Manager, Pending};
use tokio::runtime::{Builder, Handle, Runtime};

fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime")
}

/// Makes another request, from within another runtime, as soon as it is woken.
struct AskAgain {
    manager: Manager<Mock>,
    runtime: Handle,
    asked: Mutex<Option<Pending<Mock>>>,
}

impl Wake for AskAgain {
    fn wake(self: Arc<Self>) {
        // The runtime that is going is still the current one of this thread.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _within = self.runtime.enter();
                *self.asked.lock().expect("no panic") = Some(self.manager.allocate(host(0)));
            });
        });
    }
}

fn ask_again_while_the_first_runtime_goes() {
    let (old, new) = (runtime(), runtime());
    let stuck = Arc::new(AtomicBool::new(true));
    let mock = Mock::new().connect({
        let stuck = Arc::clone(&stuck);
        move || match stuck.load(SeqCst) {
            true => Poll::Pending,
            false => Poll::Ready(Ok(())),
        }
    });
    let manager = Manager::builder()
        .connector(mock.clone())
        .build()
        .expect("settings that work");
    let again = Arc::new(AskAgain {
        manager: manager.clone(),
        runtime: new.handle().clone(),
        asked: Mutex::default(),
    });
    let mut first = old.block_on(async {
        let mut first = manager.allocate(host(0));
        let waker = Waker::from(Arc::clone(&again));
        let polled = Pin::new(&mut first).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        // Some more tasks, so that some go before the one that every manager has.
        let others: Vec<_> = (1..5).map(|n| manager.allocate(host(n))).collect();
        mock.attempts.until(|tally| tally.now == 5).await;
        drop(waker);
        (first, others)
    });
    stuck.store(false, SeqCst);
    drop(old);

    let asked = again
        .asked
        .lock()
        .expect("no panic")
        .take()
        .expect("it was woken");
    new.block_on(async {
        assert_eq!(error((&mut first.0).await).kind(), ErrorKind::Runtime);
        asked.await.expect("a connection of the new runtime").free();
    });
}

#[test]
fn who_asks_again_on_another_runtime_is_served() {
    // The runtime chooses the order in which its tasks end; several rounds vary it.
    run_on_a_thread(2 << 20, || {
        for _ in 0..8 {
            ask_again_while_the_first_runtime_goes();
        }
    });
}
