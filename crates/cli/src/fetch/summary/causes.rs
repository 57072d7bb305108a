//! Counts failures by cause, with an example of each.

use std::cmp::Reverse;
use std::collections::HashMap;

use indicatif::HumanCount;

use crate::console::{ALARM, harmless, styled};
use crate::failure::Failure;
use crate::fetch::target::Target;

/// The bound on causes that are counted apart, for bounded memory.
const TOLD_APART: usize = 100;

/// The number of causes with a line of their own.
const SHOWN: usize = 10;

/// The failures of a run.
#[derive(Debug, Default)]
pub(crate) struct Causes {
    /// By the failure without its details.
    groups: HashMap<Failure, Group>,
    others: u64,
}

#[derive(Debug)]
struct Group {
    count: u64,
    /// The URL and the details of the first failure.
    example: String,
}

impl Causes {
    pub(crate) fn record(&mut self, target: &Target, failure: &Failure) {
        let cause = Failure {
            detail: None,
            ..failure.clone()
        };
        if let Some(group) = self.groups.get_mut(&cause) {
            group.count += 1;
        } else if self.groups.len() < TOLD_APART {
            let example = match &failure.detail {
                None => target.uri.to_string(),
                Some(detail) => format!("{}: {detail}", target.uri),
            };
            self.groups.insert(cause, Group { count: 1, example });
        } else {
            self.others += 1;
        }
    }

    /// Formats two lines for each cause, the most frequent first.
    pub(crate) fn lines(&self) -> String {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_unstable_by_key(|&(cause, group)| {
            let error = (&cause.error_str, cause.error_num);
            (Reverse(group.count), &cause.function, error)
        });
        let (shown, rest) = groups.split_at(groups.len().min(SHOWN));
        let mut lines = String::new();
        for (cause, group) in shown {
            let count = styled(ALARM, HumanCount(group.count));
            let (cause, example) = (harmless(&cause.to_string()), harmless(&group.example));
            lines.push_str(&format!("{count} failed, {cause}\n    e.g. {example}\n"));
        }
        let rest: u64 = rest.iter().map(|(_, group)| group.count).sum();
        if rest + self.others > 0 {
            let count = styled(ALARM, HumanCount(rest + self.others));
            lines.push_str(&format!("{count} failed for other causes\n"));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::tests::plain;

    fn target(path: usize) -> Target {
        format!("http://h/{path}").parse().unwrap()
    }

    #[test]
    fn the_most_frequent_cause_is_first_and_has_an_example() {
        let mut causes = Causes::default();
        let mut refused = Failure::of("connect", "refused".to_owned());
        for place in 1..4 {
            refused.detail = Some(format!("connect {place}: refused"));
            causes.record(&target(place), &refused);
        }
        causes.record(&target(4), &Failure::of("status", "404 \x1b".to_owned()));
        assert_eq!(
            plain(&causes.lines()),
            "3 failed, connect: refused\n    e.g. http://h/1: connect 1: refused\n\
             1 failed, status: 404 \u{fffd}\n    e.g. http://h/4\n"
        );
    }

    #[test]
    fn the_memory_for_causes_is_bounded() {
        let mut causes = Causes::default();
        for number in 0..10_000 {
            let failure = Failure::of("tls", format!("cause {number}"));
            causes.record(&target(number), &failure);
        }
        assert_eq!(causes.groups.len(), TOLD_APART);
        let lines = plain(&causes.lines());
        assert_eq!(lines.lines().count(), 2 * SHOWN + 1);
        assert!(
            lines.ends_with("9,990 failed for other causes\n"),
            "{lines}"
        );
    }
}
