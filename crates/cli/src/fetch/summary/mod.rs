//! Counts the results of a run for each host and in total, and formats the summary.

mod causes;
mod statuses;
mod waits;

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::time::Duration;

use ::console::Alignment;
use indicatif::{DecimalBytes, HumanCount};
use keepalive::{FromCache, Host};

use crate::console::{HEADING, styled};
use crate::duration::shown;
use crate::fetch::exchange::heads;
use crate::fetch::fetcher::Fetched;
use crate::fetch::summary::causes::Causes;
use crate::fetch::summary::statuses::Statuses;
use crate::fetch::summary::waits::Waits;
use crate::table::{self, LEFT, RIGHT};

/// The number of hosts with a line of their own.
const HOSTS_SHOWN: usize = 20;

const HEADINGS: [&str; 9] = [
    "host",
    "http",
    "requests",
    "opened",
    "immediate",
    "deferred",
    "failed",
    "wait p50",
    "wait p99",
];

const COLUMNS: [Alignment; HEADINGS.len()] =
    [LEFT, LEFT, RIGHT, RIGHT, RIGHT, RIGHT, RIGHT, RIGHT, RIGHT];

/// The counts of a run. Its size grows with hosts, not with requests.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    hosts: HashMap<Host, Counts>,
    pub(crate) total: Counts,
    /// The bytes of bodies as sent.
    bytes: u64,
    /// The bytes of bodies once unpacked.
    unpacked: u64,
    was_packed: bool,
    redirects: u64,
    resent: u64,
    retried: u64,
    /// Bodies with content codings that were left in place.
    coded: u64,
    statuses: Statuses,
    causes: Causes,
}

impl Summary {
    pub(crate) fn record(&mut self, fetched: &Fetched) {
        self.total.record(fetched);
        let record = &fetched.record;
        self.bytes += record.received;
        self.unpacked += record.unpacked.unwrap_or(record.received);
        self.was_packed |= record.unpacked.is_some();
        self.redirects += u64::from(record.redirects);
        self.resent += u64::from(record.resent);
        self.retried += u64::from(record.retried);
        self.coded += u64::from(record.content_encoding.is_some());
        if let Some(answer) = &record.answer {
            self.statuses.record(answer.status.as_u16());
        }
        if let Some(failure) = &fetched.failure {
            self.causes.record(&fetched.target, failure);
        }
        let host = fetched.target.host.clone();
        self.hosts.entry(host).or_default().record(fetched);
    }

    /// Formats the table: the hosts with most requests, then one line for all others, then the
    /// total.
    pub(crate) fn table(&self) -> String {
        let mut hosts: Vec<_> = self
            .hosts
            .iter()
            .map(|(host, counts)| (host.to_string(), counts))
            .collect();
        hosts.sort_unstable_by(|(a_name, a), (b_name, b)| {
            (Reverse(a.requests), a_name).cmp(&(Reverse(b.requests), b_name))
        });
        let mut rows = vec![HEADINGS.map(|text| styled(HEADING, text))];
        let (shown, others) = hosts.split_at(hosts.len().min(HOSTS_SHOWN));
        for (name, counts) in shown {
            rows.push(counts.row(name.clone()));
        }
        if !others.is_empty() {
            let mut sum = Counts::default();
            others.iter().for_each(|(_, counts)| sum.merge(counts));
            let count = HumanCount(others.len() as u64);
            rows.push(sum.row(format!("{count} other hosts")));
        }
        rows.push(self.total.row("total".to_owned()));
        table::lines(COLUMNS, &rows)
    }

    /// Formats the lines about statuses and causes of failures.
    pub(crate) fn details(&self) -> String {
        self.statuses.lines() + &self.causes.lines()
    }

    pub(crate) fn footer(&self, took: Duration) -> String {
        let total = &self.total;
        let mut line = format!(
            "{} fetched, {} failed, {}",
            HumanCount(total.requests - total.failed),
            HumanCount(total.failed),
            DecimalBytes(self.bytes),
        );
        // Writing to a string does not fail.
        if self.was_packed {
            let _ = write!(line, " ({} unpacked)", DecimalBytes(self.unpacked));
        }
        let _ = write!(line, " in {}", shown(took));
        let rate = total.requests as f64 / took.as_secs_f64();
        if rate.is_finite() && total.requests > 1 {
            let _ = write!(line, " ({}/s)", HumanCount(rate.round() as u64));
        }
        for (count, what) in [
            (self.redirects, "redirects followed"),
            (self.resent, "requests sent again"),
            (self.retried, "answers asked for again"),
            (
                self.coded,
                "bodies left coded as they were sent (--compressed undoes it)",
            ),
        ] {
            if count > 0 {
                let _ = write!(line, ", {what}: {}", HumanCount(count));
            }
        }
        line
    }
}

/// The counts of a host, or of all hosts.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    /// Responses on a new connection.
    pub(crate) opened: u64,
    /// Responses on an idle connection.
    pub(crate) immediate: u64,
    /// Responses on a connection that another request returned meanwhile.
    pub(crate) deferred: u64,
    pub(crate) failed: u64,
    /// The versions of HTTP of responses.
    versions: BTreeSet<&'static str>,
    pub(crate) longest_wait: Duration,
    waits: Waits,
}

impl Counts {
    fn record(&mut self, fetched: &Fetched) {
        self.requests += 1;
        self.failed += u64::from(fetched.failure.is_some());
        if let Some(answer) = &fetched.record.answer {
            self.versions.insert(heads::version(answer.version));
            match answer.from_cache {
                None => self.opened += 1,
                Some(FromCache::Immediate) => self.immediate += 1,
                Some(FromCache::Deferred) => self.deferred += 1,
            }
        }
        if let Some(timing) = fetched.record.timing() {
            let wait = timing.total();
            self.waits.record(wait);
            self.longest_wait = self.longest_wait.max(wait);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.opened += other.opened;
        self.immediate += other.immediate;
        self.deferred += other.deferred;
        self.failed += other.failed;
        self.versions.extend(&other.versions);
        self.longest_wait = self.longest_wait.max(other.longest_wait);
        self.waits.merge(&other.waits);
    }

    /// `1.1`, `2`, or both; a dash without responses.
    fn versions(&self) -> String {
        let bare = |name: &&'static str| name.strip_prefix("HTTP/").unwrap_or(name);
        let versions: Vec<_> = self.versions.iter().map(bare).collect();
        match versions.is_empty() {
            true => NONE.to_owned(),
            false => versions.join(", "),
        }
    }

    fn row(&self, name: String) -> [String; HEADINGS.len()] {
        let count = |count| HumanCount(count).to_string();
        let wait = |share| match self.waits.quantile(share) {
            Some(wait) => shown(wait.min(self.longest_wait)),
            None => NONE.to_owned(),
        };
        [
            name,
            self.versions(),
            count(self.requests),
            count(self.opened),
            count(self.immediate),
            count(self.deferred),
            table::failures(self.failed),
            wait(0.5),
            wait(0.99),
        ]
    }
}

/// The cell without a value.
const NONE: &str = "-";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::tests::plain;
    use crate::failure::Failure;
    use crate::fetch::exchange::trail::Answered;
    use http::{StatusCode, Version};
    use keepalive::Timing;

    fn fetched(url: &str, from_cache: Option<FromCache>) -> Fetched {
        let mut fetched = Fetched::begin(1, url);
        let mut timing = Timing::default();
        timing.queued = Duration::from_millis(5);
        fetched.record.received = 1000;
        fetched.record.answer = Some(Answered {
            status: StatusCode::OK,
            version: Version::HTTP_11,
            from_cache,
            timing,
            headers: None,
        });
        fetched
    }

    #[test]
    fn the_summary_counts_results_per_host_and_in_total() {
        let mut summary = Summary::default();
        summary.record(&fetched("http://b:80/", None));
        let mut by_two = fetched("http://b/x", Some(FromCache::Immediate));
        by_two.record.answer.as_mut().unwrap().version = Version::HTTP_2;
        summary.record(&by_two);
        summary.record(&fetched("http://b/y", Some(FromCache::Deferred)));
        let mut failed = Fetched::begin(4, "http://a/");
        failed.failure = Some(Failure::timeout("response"));
        summary.record(&failed);
        assert_eq!(
            plain(&summary.table()),
            "\
host         http    requests  opened  immediate  deferred  failed  wait p50  wait p99
http://b:80  1.1, 2         3       1          1         1       0   5.00 ms   5.00 ms
http://a:80  -              1       0          0         0       1         -         -
total        1.1, 2         4       1          1         1       1   5.00 ms   5.00 ms
"
        );
        assert_eq!(
            summary.footer(Duration::from_secs(2)),
            "3 fetched, 1 failed, 3.00 kB in 2.00 s (2/s)"
        );
    }

    #[test]
    fn the_line_of_totals_has_unpacked_bytes_redirects_and_resends() {
        let mut summary = Summary::default();
        let mut packed = fetched("http://b/", None);
        (packed.record.unpacked, packed.record.redirects) = (Some(5_000), 2);
        summary.record(&packed);
        let mut plain = fetched("http://b/", None);
        plain.record.resent = 1;
        summary.record(&plain);
        assert_eq!(
            summary.footer(Duration::from_secs(2)),
            "2 fetched, 0 failed, 2.00 kB (6.00 kB unpacked) in 2.00 s (1/s), \
             redirects followed: 2, requests sent again: 1"
        );
    }

    #[test]
    fn the_summary_joins_many_hosts_in_one_line() {
        let mut summary = Summary::default();
        for host in 0..30 {
            for _ in 0..=host {
                summary.record(&fetched(&format!("http://h{host}/"), None));
            }
        }
        let table = plain(&summary.table());
        assert_eq!(table.lines().count(), 1 + HOSTS_SHOWN + 2);
        assert!(table.contains("\nhttp://h29:80 "), "{table}");
        assert!(!table.contains("http://h9:80"), "{table}");
        let others = table.lines().nth(1 + HOSTS_SHOWN).unwrap();
        assert!(others.starts_with("10 other hosts"), "{others}");
        assert!(others.contains(" 55 "), "{others}");
    }

    #[test]
    fn the_summary_of_an_empty_run_has_a_total() {
        let summary = Summary::default();
        assert!(plain(&summary.table()).contains("total"));
        let footer = summary.footer(Duration::ZERO);
        assert_eq!(footer, "0 fetched, 0 failed, 0 B in 0 µs");
    }
}
