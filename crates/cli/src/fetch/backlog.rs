//! The queue of targets by host, so that a slow host does not delay the others.

use std::collections::{BTreeMap, HashMap, VecDeque};

use keepalive::Host;

use crate::fetch::target::Target;

/// The bound on the size of waiting targets; beyond it, reading the input pauses.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// The memory of a target besides its text, roughly.
const OVERHEAD: usize = 256;

/// The targets that wait, and the number of fetches under way for each host.
///
/// The fetches of one host start in the order of the input. The host with the fewest fetches under
/// way is next. Among equals, the target that was read first is next.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    lanes: HashMap<Host, Lane>,
    /// The hosts with waiting targets, ordered by fetches under way, then by next number.
    ready: BTreeMap<(usize, u64), Host>,
    bytes: usize,
    under_way: usize,
    /// The last number given, repetitions included.
    numbers: u64,
}

/// A host with waiting targets or fetches under way.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Waiting>,
    under_way: usize,
}

#[derive(Debug)]
struct Waiting {
    target: Target,
    /// The place in the input of the next fetch.
    number: u64,
    /// The number of fetches that remain, at least one.
    times: u64,
}

impl Backlog {
    /// Adds `target`, to be fetched `times` times.
    pub(crate) fn push(&mut self, target: Target, times: u64) {
        if times == 0 {
            return;
        }
        let number = self.numbers + 1;
        self.numbers += times;
        self.bytes += size(&target);
        let lane = self.lanes.entry(target.host.clone()).or_default();
        if lane.waiting.is_empty() {
            let key = (lane.under_way, number);
            self.ready.insert(key, target.host.clone());
        }
        lane.waiting.push_back(Waiting {
            target,
            number,
            times,
        });
    }

    /// Whether the bound on waiting targets is reached.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= MOST_BYTES
    }

    /// Takes the next target that may start, with its place in the input. It counts as under way
    /// until [`ended`](Self::ended).
    ///
    /// At most `jobs` fetches are under way. While `more_may_come`, a host gets another job only if
    /// it has fewer than are free, so that jobs remain for further hosts.
    pub(crate) fn begin(&mut self, jobs: usize, more_may_come: bool) -> Option<(u64, Target)> {
        let free = jobs.saturating_sub(self.under_way);
        let entry = self.ready.first_entry()?;
        let (under_way, _) = *entry.key();
        if free == 0 || (more_may_come && under_way >= free) {
            return None;
        }
        let host = entry.remove();
        let lane = self.lanes.get_mut(&host)?;
        let next = lane.waiting.front_mut()?;
        let begun = (next.number, next.target.clone());
        next.number += 1;
        next.times -= 1;
        if next.times == 0 {
            lane.waiting.pop_front();
            self.bytes -= size(&begun.1);
        }
        lane.under_way += 1;
        self.under_way += 1;
        if let Some(next) = lane.waiting.front() {
            self.ready.insert((lane.under_way, next.number), host);
        }
        Some(begun)
    }

    /// Records the end of a fetch of `host`.
    pub(crate) fn ended(&mut self, host: &Host) {
        let Some(lane) = self.lanes.get_mut(host) else {
            return;
        };
        let was = lane.under_way;
        lane.under_way -= 1;
        self.under_way -= 1;
        if let Some(next) = lane.waiting.front() {
            let host = self.ready.remove(&(was, next.number));
            let key = (lane.under_way, next.number);
            self.ready.extend(host.map(|host| (key, host)));
        } else if lane.under_way == 0 {
            self.lanes.remove(host);
        }
    }
}

fn size(target: &Target) -> usize {
    let uri = &target.uri;
    let authority = uri.authority().map_or(0, |text| text.as_str().len());
    let path = uri.path_and_query().map_or(0, |text| text.as_str().len());
    OVERHEAD + authority + path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A backlog of targets such as `a1`, which is path `1` of host `a`.
    fn backlog(targets: &str) -> Backlog {
        let mut backlog = Backlog::default();
        for text in targets.split_whitespace() {
            let (host, path) = text.split_at(1);
            let url = format!("http://{host}.test/{path}");
            backlog.push(url.parse().unwrap(), 1);
        }
        backlog
    }

    /// Begins as many targets as possible, and names them as in [`backlog`].
    fn begun(backlog: &mut Backlog, jobs: usize, more_may_come: bool) -> String {
        let mut texts = Vec::new();
        while let Some((_, target)) = backlog.begin(jobs, more_may_come) {
            let host = target.uri.host().unwrap();
            texts.push(format!("{}{}", &host[..1], &target.uri.path()[1..]));
        }
        texts.join(" ")
    }

    fn host(name: &str) -> Host {
        let target: Target = format!("http://{name}.test/").parse().unwrap();
        target.host
    }

    #[test]
    fn hosts_take_turns_and_each_keeps_the_order_of_the_input() {
        let mut backlog = backlog("a1 a2 a3 b1 b2 c1");
        assert_eq!(begun(&mut backlog, 9, false), "a1 b1 c1 a2 b2 a3");
    }

    #[test]
    fn one_job_keeps_the_order_of_the_input() {
        let mut backlog = backlog("a1 a2 b1 a3 b2");
        let mut order = Vec::new();
        while let Some((number, target)) = backlog.begin(1, true) {
            assert!(backlog.begin(1, true).is_none());
            backlog.ended(&target.host);
            order.push(number);
        }
        assert_eq!(order, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn while_more_may_come_no_host_takes_all_jobs() {
        for (jobs, alone) in [(1, 1), (2, 1), (4, 2), (8, 4), (100, 50)] {
            let mut backlog = backlog(&"a1 ".repeat(200));
            let first = begun(&mut backlog, jobs, true);
            assert_eq!(first.split(' ').count(), alone, "{jobs}");
            // At the end of the input, the host gets all jobs.
            let rest = begun(&mut backlog, jobs, false);
            assert_eq!(rest.split_whitespace().count(), jobs - alone, "{jobs}");
        }
    }

    #[test]
    fn slow_hosts_leave_jobs_to_further_hosts() {
        let slow: String = "abcdefg"
            .chars()
            .map(|host| format!("{host}1 ").repeat(50))
            .collect();
        let mut backlog = backlog(&slow);
        begun(&mut backlog, 100, true);
        backlog.push("http://z.test/1".parse().unwrap(), 1);
        assert_eq!(begun(&mut backlog, 100, true), "z1");
    }

    #[test]
    fn the_host_with_the_fewest_fetches_under_way_is_next() {
        let mut backlog = backlog("a1 a2 a3 a4 b1 b2 b3");
        assert_eq!(begun(&mut backlog, 4, false), "a1 b1 a2 b2");
        for _ in 0..2 {
            backlog.ended(&host("b"));
        }
        assert_eq!(begun(&mut backlog, 4, false), "b3 a3");
        assert_eq!(backlog.under_way, 4);
    }

    #[test]
    fn each_repetition_of_a_target_has_its_own_number() {
        let mut backlog = Backlog::default();
        for text in ["http://a.test/1", "http://a.test/2"] {
            backlog.push(text.parse().unwrap(), 2);
        }
        backlog.push("http://a.test/3".parse().unwrap(), 0);
        let all: Vec<_> = std::iter::from_fn(|| backlog.begin(9, false)).collect();
        let all: Vec<_> = all
            .iter()
            .map(|(number, target)| (*number, target.uri.path()))
            .collect();
        assert_eq!(all, [(1, "/1"), (2, "/1"), (3, "/2"), (4, "/2")]);
    }

    #[test]
    fn the_backlog_is_full_by_bytes_and_empty_at_the_end() {
        let mut backlog = Backlog::default();
        let mut count = 0;
        while !backlog.is_full() {
            let path = "x".repeat(1000);
            backlog.push(format!("http://h{count}.test/{path}").parse().unwrap(), 1);
            count += 1;
        }
        assert!((10_000..20_000).contains(&count), "{count}");
        while let Some((_, target)) = backlog.begin(usize::MAX, false) {
            backlog.ended(&target.host);
        }
        assert_eq!((backlog.bytes, backlog.under_way), (0, 0));
        assert!(backlog.lanes.is_empty() && backlog.ready.is_empty());
    }
}
