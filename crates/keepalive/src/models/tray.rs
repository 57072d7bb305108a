//! The queue of a mailbox.

use std::future::poll_fn;

use loom::future::block_on;
use loom::thread;

use super::rig::explore;
use crate::sync::Arc;
use crate::sync::tray::tray;

#[test]
fn nothing_is_left_in_a_closed_tray() {
    explore(|| {
        let (putter, taker) = tray();
        let item = Arc::new(());
        let putting = {
            let item = Arc::clone(&item);
            thread::spawn(move || {
                drop(putter.put(item));
                putter
            })
        };
        drop(taker);
        let putter = putting.join().expect("it was put in, or came back");
        assert!(putter.is_closed());
        assert_eq!(Arc::strong_count(&item), 1, "it was dropped");
    });
}

#[test]
fn what_is_put_in_wakes_its_taker() {
    explore(|| {
        let (putter, mut taker) = tray();
        let putting = thread::spawn(move || {
            putter.put(1).expect("the tray is open");
            putter.put(2).expect("the tray is open");
            putter
        });
        for expected in [1, 2] {
            let item = block_on(poll_fn(|context| taker.poll_take(context)));
            assert_eq!(item, Some(expected));
        }
        drop(putting.join().expect("it was put in"));
    });
}

#[test]
fn the_last_who_leaves_wakes_the_taker() {
    explore(|| {
        let (putter, mut taker) = tray::<()>();
        let other = putter.clone();
        let leaving = [
            thread::spawn(move || drop(putter)),
            thread::spawn(move || drop(other)),
        ];
        let item = block_on(poll_fn(|context| taker.poll_take(context)));
        assert_eq!(item, None);
        for left in leaving {
            left.join().expect("it left");
        }
    });
}
