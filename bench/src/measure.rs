//! Rounds: every subject once, then every subject again.

use anyhow::{Context, Result};

use crate::contenders::Role;
use crate::progress::Progress;
use crate::table::Line;

/// Something that can be measured again and again.
pub trait Subject {
    /// The name in tables.
    fn name(&self) -> String;

    /// The role in the comparison.
    fn role(&self) -> Role;

    /// Measures once: one figure for each table of the row.
    ///
    /// # Errors
    ///
    /// When the subject did not do the work of the row, so that its figure would be wrong.
    fn measure(&mut self) -> Result<Vec<f64>>;

    /// Checks, after all rounds, that the subject did the work of the row.
    ///
    /// # Errors
    ///
    /// When it did not.
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Measures all subjects in turn, `rounds` times: lines of figures for each table.
///
/// # Errors
///
/// The first error of a subject.
pub fn interleave(
    subjects: &mut [Box<dyn Subject>],
    rounds: usize,
    progress: &Progress,
) -> Result<Vec<Vec<Line>>> {
    let mut tables: Vec<Vec<Line>> = Vec::new();
    let count = subjects.len();
    let all = rounds * count;
    for round in 0..rounds {
        for (place, subject) in subjects.iter_mut().enumerate() {
            let figures = subject.measure().with_context(|| subject.name())?;
            tables.resize_with(figures.len(), Vec::new);
            for (lines, figure) in tables.iter_mut().zip(figures) {
                if lines.len() <= place {
                    lines.push(line(&**subject));
                }
                lines[place].samples.push(figure);
            }
            progress.step(round * count + place + 1, all);
        }
    }
    for subject in subjects {
        subject.finish().with_context(|| subject.name())?;
    }
    Ok(tables)
}

fn line(subject: &dyn Subject) -> Line {
    Line {
        name: subject.name(),
        role: subject.role(),
        samples: Vec::new(),
    }
}
