//! Tables as text.

use std::fmt::Write;

use crate::table::Table;

/// A table in Markdown.
pub fn markdown(table: &Table) -> String {
    let mut text = format!("{} ({})\n\n", table.title, table.unit);
    text.push_str(
        "| | minimum | median | to the bound | to the best peer |\n|---|---:|---:|---:|---:|\n",
    );
    for line in &table.lines {
        let ratio = |other| match other {
            Some(other) => format!("{:.2}", line.ratio_to(other)),
            None => "-".to_owned(),
        };
        let _ = writeln!(
            text,
            "| {} | {:.1} | {:.1} | {} | {} |",
            line.name,
            line.minimum(),
            line.median(),
            ratio(table.reference()),
            ratio(table.best_peer()),
        );
    }
    text
}
