//! The clock that threads share.

use loom::thread;

use super::rig::explore;
use crate::driver::clock::Reading;
use crate::driver::shared_clock::Numbers;
use crate::sync::Arc;

#[test]
fn threads_never_read_half_a_renewal() {
    explore(|| {
        let numbers = Arc::new(Numbers::default());
        let writing = {
            let numbers = Arc::clone(&numbers);
            thread::spawn(move || {
                numbers.write(all(1));
                numbers.write(all(2));
            })
        };
        if let Some(reading) = numbers.read() {
            assert_eq!(reading, all(reading.ticks), "numbers of one renewal");
        }
        writing.join().expect("they are written");
        assert_eq!(numbers.read(), Some(all(2)), "nobody writes any more");
    });
}

fn all(number: u64) -> Reading {
    Reading {
        ticks: number,
        nanos: number,
        rate: number,
        span: number,
    }
}
