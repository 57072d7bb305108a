//! Takes a connection and gives it back, many times, for a profiler.

use keepalive_benches::{BareExchanges, Crowd, Exchanges, Queue, Warm};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [row, times] = &arguments[..] else {
        panic!("cycle a|c|d|i|bare|drain|cancel TIMES");
    };
    let times = times.parse().expect("a number of times");
    match row.as_str() {
        "a" => Warm::new(1).cycle(times),
        "c" => Crowd::new(64, 4).cycle(times),
        "drain" => Queue::new().drain(times),
        "cancel" => Queue::new().cancel(times),
        "i" => Exchanges::new().cycle(times),
        "bare" => BareExchanges::new().cycle(times),
        "d" => Warm::new(10_000).cycle(times),
        other => panic!("there is no row {other}"),
    }
}
