//! What has been read and not begun yet, by host: a slow host does not hold up the others.

use std::collections::{BTreeMap, HashMap, VecDeque};

use keepalive::Host;

use crate::fetch::target::Target;

/// Reading waits when so many bytes of targets wait.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// What a target takes besides its text, about.
const OVERHEAD: usize = 256;

/// Targets that wait to be fetched, and how many of each host are under way.
///
/// Of one host they begin in the order of the input. Among hosts, the one with the fewest under way
/// is next, and of those with as many, the one whose target was read first.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    lanes: HashMap<Host, Lane>,
    /// The hosts that have something waiting, by how many they have under way and by the number
    /// that is next.
    ready: BTreeMap<(usize, u64), Host>,
    bytes: usize,
    under_way: usize,
    /// How many have been taken in, repetitions included.
    numbers: u64,
}

/// One host: there is none without something waiting or under way.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Waiting>,
    under_way: usize,
}

#[derive(Debug)]
struct Waiting {
    target: Target,
    /// The place in the input of what is next.
    number: u64,
    /// How often it is still to be fetched; at least once.
    times: u64,
}

impl Backlog {
    /// Takes in `target`, which is to be fetched so many times.
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

    /// Whether nothing more should be taken in for now.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= MOST_BYTES
    }

    /// What is to begin now, with its place in the input, if anything is; it counts as under way
    /// until [`ended`](Self::ended) is called.
    ///
    /// At most `jobs` are under way. While `more_may_come`, a host gets another only if it has fewer
    /// under way than are free. However many hosts are slow, some are then left for those that
    /// come.
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

    /// One of `host` that had begun has ended.
    pub(crate) fn ended(&mut self, host: &Host) {
        let Some(lane) = self.lanes.get_mut(host) else {
            return;
        };
        let next = lane.waiting.front().map(|next| next.number);
        let was = lane.under_way;
        lane.under_way -= 1;
        self.under_way -= 1;
        let is = lane.under_way;
        match next {
            Some(number) => {
                let host = self.ready.remove(&(was, number));
                self.ready.extend(host.map(|host| ((is, number), host)));
            }
            None if is == 0 => {
                self.lanes.remove(host);
            }
            None => {}
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

    /// What is pushed, such as `a1`, is path `1` of host `a`.
    fn backlog(targets: &str) -> Backlog {
        let mut backlog = Backlog::default();
        for text in targets.split_whitespace() {
            let (host, path) = text.split_at(1);
            let url = format!("http://{host}.test/{path}");
            backlog.push(url.parse().unwrap(), 1);
        }
        backlog
    }

    /// What begins until nothing does, as it was pushed.
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
    fn hosts_take_turns_and_each_keeps_its_order() {
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
            // Once nothing else can come, they are all its own.
            let rest = begun(&mut backlog, jobs, false);
            assert_eq!(rest.split_whitespace().count(), jobs - alone, "{jobs}");
        }
    }

    #[test]
    fn slow_hosts_together_leave_jobs_to_those_that_come() {
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
    fn who_has_fewest_under_way_is_next() {
        let mut backlog = backlog("a1 a2 a3 a4 b1 b2 b3");
        assert_eq!(begun(&mut backlog, 4, false), "a1 b1 a2 b2");
        for _ in 0..2 {
            backlog.ended(&host("b"));
        }
        assert_eq!(begun(&mut backlog, 4, false), "b3 a3");
        assert_eq!(backlog.under_way, 4);
    }

    #[test]
    fn repetitions_have_numbers_of_their_own() {
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
    fn it_is_full_by_bytes_and_empty_at_the_end() {
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
