//! Counts the results of many requests.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Ending, Late};

/// The results of questions, counted.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub asked: u64,
    pub answered: u64,
    pub withdrawn: u64,
    /// Questions without an answer, by their error.
    pub failures: BTreeMap<String, u64>,
    /// Results that must never happen; the first few.
    pub wrong: Vec<String>,
    pub wrong_count: u64,
    /// How many answers of managers came late, by their lateness in [`STEP`]s.
    late: BTreeMap<u32, u64>,
}

const STRAYED: &str = "a stray answer, on its way when it was asked";

/// The precision of lateness: it bounds the memory of a long run.
const STEP: Duration = Duration::from_micros(100);

const FIRST_FEW: usize = 5;

impl Figures {
    /// Counts one question; `None` if it was withdrawn.
    pub fn count(&mut self, ended: Option<(Ending, Late)>) {
        self.asked += 1;
        let Some((ending, late)) = ended else {
            self.withdrawn += 1;
            return;
        };
        if !late.is_zero() {
            let steps = late.as_micros().div_ceil(STEP.as_micros());
            *self.late.entry(steps as u32).or_default() += 1;
        }
        match ending {
            Ending::Answered => self.answered += 1,
            Ending::NotConnected(text) | Ending::Broken(text) => self.failed(text),
            Ending::Impatient => self.failed("no answer in time".to_owned()),
            Ending::Strayed => self.failed(STRAYED.to_owned()),
            Ending::Wrong(text) => {
                self.wrong_count += 1;
                if self.wrong.len() < FIRST_FEW {
                    self.wrong.push(text);
                }
            }
        }
    }

    pub fn add(&mut self, other: Self) {
        self.asked += other.asked;
        self.answered += other.answered;
        self.withdrawn += other.withdrawn;
        for (text, count) in other.failures {
            *self.failures.entry(text).or_default() += count;
        }
        self.wrong_count += other.wrong_count;
        self.wrong.extend(other.wrong);
        self.wrong.truncate(FIRST_FEW);
        for (late, count) in other.late {
            *self.late.entry(late).or_default() += count;
        }
    }

    pub fn failed_count(&self) -> u64 {
        self.failures.values().sum()
    }

    /// The greatest lateness of a manager.
    pub fn latest(&self) -> Late {
        let latest = self.late.last_key_value();
        latest.map_or(Duration::ZERO, |(late, _)| STEP * *late)
    }

    /// The greatest lateness of all questions but `per_mille` thousandths.
    pub fn late_for_all_but(&self, per_mille: u64) -> Duration {
        let mut beyond = self.asked * per_mille / 1000;
        for (late, count) in self.late.iter().rev() {
            match beyond.checked_sub(*count) {
                Some(left) => beyond = left,
                None => return STEP * *late,
            }
        }
        Duration::ZERO
    }

    fn failed(&mut self, text: String) {
        *self.failures.entry(text).or_default() += 1;
    }
}
