//! Connections whose name loses their address while they are given back.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use loom::thread;

use super::rig::explore;
use crate::connect::resolve::names::Found;
use crate::connect::resolve::residents::Residents;
use crate::connect::resolve::{Addresses, Families};
use crate::sync::{self, Arc};

#[test]
fn an_address_that_goes_as_a_connection_comes_back_is_noticed() {
    explore(|| {
        let residents = Arc::new(Residents::default());
        let [had, has] = [1, 2].map(|last| IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)));
        let mut residence = residents.enter("localhost", had);
        let watch = Arc::new(Watch::default());
        let waker = Waker::from(Arc::clone(&watch));
        let mut context = Context::from_waker(&waker);
        // It is leased: its waker is registered, but not armed.
        assert!(residence.poll_gone(&mut context).is_pending());

        let retiring = thread::spawn({
            let found = Found::new(&Addresses::new([has]), Families::Both);
            let found = found.expect("an address");
            move || residents.retire("localhost", Families::Both, &found)
        });
        watch.armed.store(true, Ordering::Relaxed);
        let seen = residence.poll_gone(&mut context).is_ready();
        retiring.join().expect("retired");
        assert!(seen || watch.heard.load(Ordering::Relaxed), "C3");
        assert!(residence.is_gone());
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
