//! Connections whose name loses their address while they are given back.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use loom::thread;

use super::rig::explore;
use crate::connect::resolve::address_watch::AddressWatches;
use crate::connect::resolve::names::Found;
use crate::connect::resolve::{Addresses, Families};
use crate::sync::{self, Arc};

#[test]
fn an_address_that_goes_as_a_connection_comes_back_is_noticed() {
    explore(|| {
        let watches = Arc::new(AddressWatches::default());
        let [had, has] = [1, 2].map(|last| IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)));
        let mut address_watch = watches.watch("localhost", had);
        let watch = Arc::new(Watch::default());
        let waker = Waker::from(Arc::clone(&watch));
        let mut context = Context::from_waker(&waker);
        // It is leased: its waker is registered, but not armed.
        assert!(address_watch.poll_gone(&mut context).is_pending());

        let retiring = thread::spawn({
            let found = Found::new(&Addresses::new([has]), Families::Both);
            let found = found.expect("an address");
            move || watches.retire("localhost", Families::Both, &found)
        });
        watch.armed.store(true, Ordering::Relaxed);
        let seen = address_watch.poll_gone(&mut context).is_ready();
        retiring.join().expect("retired");
        assert!(seen || watch.heard.load(Ordering::Relaxed), "C3");
        assert!(address_watch.is_gone());
    });
}

/// Listens while it is armed, as the watch of a connection does.
#[derive(Default)]
struct Watch {
    armed: sync::AtomicBool,
    heard: AtomicBool,
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        if self.armed.load(Ordering::Relaxed) {
            self.heard.store(true, Ordering::Relaxed);
        }
    }
}
