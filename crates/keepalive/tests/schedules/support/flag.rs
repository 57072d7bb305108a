//! Something that happens once, and can be awaited.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

#[derive(Clone, Default)]
pub(crate) struct Flag(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    raised: bool,
    waiting: Vec<Waker>,
}

impl Flag {
    pub(crate) fn raise(&self) {
        let waiting = {
            let mut state = self.0.lock().expect("no panic");
            state.raised = true;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(crate) async fn raised(&self) {
        poll_fn(|context| {
            let mut state = self.0.lock().expect("no panic");
            if state.raised {
                return Poll::Ready(());
            }
            state.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
