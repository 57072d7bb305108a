//! Aligned columns of text.

use ::console::{Alignment, measure_text_width, pad_str};
use anstyle::Style;
use indicatif::HumanCount;

use crate::console::{ALARM, styled};

pub(crate) const LEFT: Alignment = Alignment::Left;
pub(crate) const RIGHT: Alignment = Alignment::Right;

/// Formats the rows as lines, with each column as wide as its widest cell. Cells may be styled.
pub(crate) fn lines<const N: usize>(columns: [Alignment; N], rows: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| measure_text_width(&row[column]));
        cells.max().unwrap_or_default()
    });
    let mut lines = String::new();
    for row in rows {
        let cells: [_; N] =
            std::array::from_fn(|at| pad_str(&row[at], widths[at], columns[at], None));
        lines.push_str(cells.join("  ").trim_end());
        lines.push('\n');
    }
    lines
}

/// Formats a count of failures, which stands out above zero.
pub(crate) fn failures(count: u64) -> String {
    let style = if count > 0 { ALARM } else { Style::new() };
    styled(style, HumanCount(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::tests::plain;

    #[test]
    fn table_columns_are_aligned_by_visible_width() {
        let rows = [
            ["host", "failed", "outcome"].map(String::from),
            ["a µs".to_owned(), failures(7), String::new()],
            ["abcdef".to_owned(), failures(12_345), "x".to_owned()],
        ];
        assert_eq!(
            plain(&lines([LEFT, RIGHT, LEFT], &rows)),
            "host    failed  outcome\na µs         7\nabcdef  12,345  x\n"
        );
    }
}
