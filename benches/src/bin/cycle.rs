//! Takes a connection and gives it back, as often as is asked: for a profiler.

use keepalive_benches::Warm;

fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u32>());
    let (Some(Ok(hosts)), Some(Ok(times)), None) = (numbers.next(), numbers.next(), numbers.next())
    else {
        panic!("cycle HOSTS TIMES");
    };
    let hosts = u16::try_from(hosts).expect("up to 65,535 hosts");
    Warm::new(hosts).cycle(times.into());
}
