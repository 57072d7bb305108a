//! Lookups of names, shared by all who ask for one at the same time.

use loom::future::block_on;
use loom::thread;

use super::rig::explore;
use crate::connect::resolve::Resolver;
use crate::sync::{Arc, AtomicUsize, Ordering};

#[test]
fn a_name_has_one_lookup_at_a_time() {
    explore(|| {
        let resolver = Arc::new(Resolver::default());
        let running = Arc::new(AtomicUsize::new(0));
        let asking = [0, 1].map(|_| {
            let resolver = Arc::clone(&resolver);
            let running = Arc::clone(&running);
            thread::spawn(move || look_up(&resolver, &running))
        });
        for asked in asking {
            asked.join().expect("answered");
        }
        look_up(&resolver, &running);
    });
}

fn look_up(resolver: &Resolver, running: &AtomicUsize) {
    let (addresses, begun) = resolver.join("localhost");
    if let Some(lookup) = begun {
        assert_eq!(running.fetch_add(1, Ordering::Relaxed), 0, "X1");
        running.fetch_sub(1, Ordering::Relaxed);
        lookup.end(Ok(Arc::from([])));
    }
    assert!(block_on(addresses.wait()).is_ok());
}
