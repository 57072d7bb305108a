//! The queue of a mailbox.

use std::future::poll_fn;

use loom::future::block_on;
use loom::thread;

use super::rig::explore;
use crate::sync::Arc;
use crate::sync::channel::channel;

#[test]
fn nothing_is_left_in_a_closed_channel() {
    explore(|| {
        let (sender, receiver) = channel();
        let item = Arc::new(());
        let sending = {
            let item = Arc::clone(&item);
            thread::spawn(move || {
                drop(sender.send(item));
                sender
            })
        };
        drop(receiver);
        let sender = sending.join().expect("it was put in, or came back");
        assert!(sender.is_closed());
        assert_eq!(Arc::strong_count(&item), 1, "it was dropped");
    });
}

#[test]
fn an_item_that_is_sent_wakes_the_receiver() {
    explore(|| {
        let (sender, mut receiver) = channel();
        let sending = thread::spawn(move || {
            sender.send(1).expect("the channel is open");
            sender.send(2).expect("the channel is open");
            sender
        });
        for expected in [1, 2] {
            let item = block_on(poll_fn(|context| receiver.poll_receive(context)));
            assert_eq!(item, Some(expected));
        }
        drop(sending.join().expect("it was put in"));
    });
}

#[test]
fn the_last_sender_that_leaves_wakes_the_receiver() {
    explore(|| {
        let (sender, mut receiver) = channel::<()>();
        let other = sender.clone();
        let leaving = [
            thread::spawn(move || drop(sender)),
            thread::spawn(move || drop(other)),
        ];
        let item = block_on(poll_fn(|context| receiver.poll_receive(context)));
        assert_eq!(item, None);
        for left in leaving {
            left.join().expect("it left");
        }
    });
}
