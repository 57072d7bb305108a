//! Counts responses by class and status.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use anstyle::Style;
use indicatif::HumanCount;

use crate::console::{ALARM, styled};
use crate::table::{self, LEFT, RIGHT};

/// The number of statuses of a class that are shown one by one.
const NAMED: usize = 4;

/// The number of responses of each status.
#[derive(Debug, Default)]
pub(crate) struct Statuses(BTreeMap<u16, u64>);

impl Statuses {
    pub(crate) fn record(&mut self, status: u16) {
        *self.0.entry(status).or_default() += 1;
    }

    /// Formats a line for each class with responses, with its most frequent statuses.
    pub(crate) fn lines(&self) -> String {
        let mut rows = Vec::new();
        for class in 1..10 {
            let range = class * 100..(class + 1) * 100;
            let mut statuses: Vec<_> = self.0.range(range).collect();
            if statuses.is_empty() {
                continue;
            }
            statuses.sort_by_key(|(_, count)| Reverse(*count));
            let (named, others) = statuses.split_at(statuses.len().min(NAMED));
            let named = named.iter();
            let mut named: Vec<String> = named
                .map(|(status, count)| format!("{status}: {}", HumanCount(**count)))
                .collect();
            let sum = |statuses: &[(_, &u64)]| statuses.iter().map(|(_, count)| **count).sum();
            if !others.is_empty() {
                named.push(format!("others: {}", HumanCount(sum(others))));
            }
            let count: u64 = sum(&statuses);
            let style = match class {
                4 | 5 => ALARM,
                _ => Style::new(),
            };
            let name = styled(style, format_args!("{class}xx"));
            rows.push([name, HumanCount(count).to_string(), named.join(", ")]);
        }
        table::lines([LEFT, RIGHT, LEFT], &rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::tests::plain;

    #[test]
    fn statuses_are_counted_by_class_with_the_most_frequent_of_each() {
        let mut statuses = Statuses::default();
        assert_eq!(statuses.lines(), "");
        for (status, times) in [
            (200, 1_200),
            (204, 4),
            (404, 10),
            (403, 2),
            (400, 1),
            (401, 1),
            (410, 1),
            (418, 1),
            (999, 1),
        ] {
            for _ in 0..times {
                statuses.record(status);
            }
        }
        assert_eq!(
            plain(&statuses.lines()),
            "2xx  1,204  200: 1,200, 204: 4\n\
             4xx     16  404: 10, 403: 2, 400: 1, 401: 1, others: 2\n\
             9xx      1  999: 1\n"
        );
    }
}
