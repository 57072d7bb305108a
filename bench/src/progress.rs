//! How far a run is, on stderr.

use indicatif::{ProgressBar, ProgressStyle};

use crate::rows::Row;

/// A bar in which every row has the same share. It is drawn between measurements only: nothing
/// ticks while one runs.
pub struct Progress {
    bar: ProgressBar,
    rows_done: u64,
}

const SHARE: u64 = 1_000;

impl Progress {
    pub fn new(rows: usize) -> Self {
        let style = "{bar:40} {percent:>3} %  {msg}  {elapsed}";
        let bar = ProgressBar::new(rows as u64 * SHARE)
            .with_style(ProgressStyle::with_template(style).expect("the template is one"));
        Self { bar, rows_done: 0 }
    }

    /// A row begins: its pools are filled first.
    pub fn begin(&self, row: Row) {
        self.bar.set_message(format!("row {row}"));
    }

    /// So many of the row's measurements are done.
    pub fn step(&self, done: usize, all: usize) {
        let share = SHARE * done as u64 / all.max(1) as u64;
        self.bar.set_position(self.rows_done * SHARE + share);
    }

    /// A row is done.
    pub fn end(&mut self) {
        self.rows_done += 1;
        self.bar.set_position(self.rows_done * SHARE);
    }

    /// Prints without the bar in the way.
    pub fn suspend(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// All is done.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
