//! Aligned columns of plain text.

use anstyle::Style;
use indicatif::HumanCount;

use crate::console::{ALARM, HEADING, styled};

/// A table: the first column is aligned left, the others right if a cell does not say otherwise.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<Cell>>,
}

/// What stands in one place of a table.
#[derive(Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
    left: bool,
}

impl Cell {
    pub(crate) fn heading(text: &str) -> Self {
        Self::new(text.to_owned(), HEADING)
    }

    /// What went wrong.
    pub(crate) fn bad(text: &str) -> Self {
        Self::new(text.to_owned(), ALARM)
    }

    /// Aligned left, in whichever column it is.
    pub(crate) fn left(self) -> Self {
        Self { left: true, ..self }
    }

    fn new(text: String, style: Style) -> Self {
        let left = false;
        Self { text, style, left }
    }

    pub(crate) fn count(count: u64) -> Self {
        HumanCount(count).to_string().into()
    }

    /// A count that is bad unless it is zero.
    pub(crate) fn alarm(count: u64) -> Self {
        let style = if count > 0 { ALARM } else { Style::new() };
        Self::new(HumanCount(count).to_string(), style)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(text, Style::new())
    }
}

impl Table {
    /// Adds a row; all rows have as many cells.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The table as lines.
    pub(crate) fn lines(&self) -> String {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.chars().count());
            }
        }
        let mut lines = String::new();
        for row in &self.rows {
            for (index, (width, cell)) in widths.iter().zip(row).enumerate() {
                let space = " ".repeat(width - cell.text.chars().count());
                let text = styled(cell.style, &cell.text);
                if index > 0 {
                    lines.push_str("  ");
                }
                match (index == 0 || cell.left, index + 1 == row.len()) {
                    (true, true) => lines.push_str(&text),
                    (true, false) => lines.extend([&*text, &space]),
                    (false, _) => lines.extend([&*space, &text]),
                }
            }
            lines.push('\n');
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::plain;

    #[test]
    fn columns_are_aligned_by_characters() {
        let mut table = Table::default();
        table.row(["host", "failed"].map(Cell::heading).into());
        table.row(vec!["a µs".to_owned().into(), Cell::count(7)]);
        table.row(vec!["abcdef".to_owned().into(), Cell::alarm(12_345)]);
        assert_eq!(
            plain(&table.lines()),
            "host    failed\na µs         7\nabcdef  12,345\n"
        );
    }
}
