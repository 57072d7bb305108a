//! Lookups of names, shared by concurrent requests.

use std::net::{IpAddr, Ipv4Addr};

use loom::future::block_on;
use loom::thread;

use super::rig::explore;
use crate::connect::resolve::names::Names;
use crate::connect::resolve::{Addresses, Resolver};
use crate::sync::{Arc, AtomicUsize, Ordering};

#[test]
fn a_name_has_one_lookup_at_a_time() {
    explore(|| {
        let names = Arc::clone(&Resolver::default().tables[0]);
        let running = Arc::new(AtomicUsize::new(0));
        let asking = [0, 1].map(|_| {
            let names = Arc::clone(&names);
            let running = Arc::clone(&running);
            thread::spawn(move || look_up(&names, &running))
        });
        for asked in asking {
            asked.join().expect("answered");
        }
        look_up(&names, &running);
    });
}

fn look_up(names: &Arc<Names>, running: &AtomicUsize) {
    let (lookup, begun) = names.ask("localhost");
    if let Some(begun) = begun {
        assert_eq!(running.fetch_add(1, Ordering::Relaxed), 0, "X1");
        running.fetch_sub(1, Ordering::Relaxed);
        let found = IpAddr::V4(Ipv4Addr::LOCALHOST);
        begun.end(Ok(Addresses::new([found])));
    }
    assert!(block_on(lookup).is_ok());
}
