//! Figures of one question: a line for each contender, a sample for each round.

use serde::Serialize;

use crate::contenders::Role;

/// The answers to one question.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// The name that targets use.
    pub id: &'static str,
    pub title: String,
    pub unit: &'static str,
    pub better: Better,
    /// The name of the line that the second to last column compares with, if any.
    pub reference: Option<String>,
    pub lines: Vec<Line>,
    pub notes: Vec<String>,
}

/// Which figures are the good ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Better {
    Lower,
    Higher,
}

/// One contender's figures.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    pub name: String,
    pub role: Role,
    pub samples: Vec<f64>,
}

impl Table {
    /// The line of that name.
    pub fn line(&self, name: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.name == name)
    }

    /// The line that the others are compared with.
    pub fn reference(&self) -> Option<&Line> {
        self.line(self.reference.as_deref()?)
    }

    /// The peer with the best median.
    pub fn best_peer(&self) -> Option<&Line> {
        let peers = self.lines.iter().filter(|line| line.role == Role::Peer);
        let by_median = |a: &&Line, b: &&Line| a.median().total_cmp(&b.median());
        match self.better {
            Better::Lower => peers.min_by(by_median),
            Better::Higher => peers.max_by(by_median),
        }
    }
}

impl Line {
    pub fn minimum(&self) -> f64 {
        self.samples.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub fn maximum(&self) -> f64 {
        self.samples.iter().copied().fold(0.0, f64::max)
    }

    pub fn median(&self) -> f64 {
        median(self.samples.clone())
    }

    /// The median over rounds of this line's figure divided by the other's of the same round.
    pub fn ratio_to(&self, other: &Self) -> f64 {
        let pairs = self.samples.iter().zip(&other.samples);
        median(pairs.map(|(ours, others)| ours / others).collect())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}
