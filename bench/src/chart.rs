//! A bar chart for each row, as SVG that is readable on light and on dark ground.

use std::fmt::Write;

use crate::contenders::Role;
use crate::report::number;
use crate::table::{Better, Table};

const WIDTH: f64 = 760.0;
const LABELS: f64 = 190.0;
const VALUES: f64 = 90.0;
const BAR: f64 = 20.0;
const STEP: f64 = 28.0;
const HEAD: f64 = 44.0;
const GAP: f64 = 14.0;

/// A bar that is so many times the median of its chart is cut, or the others could not be seen.
const CUT: f64 = 4.0;

/// Bars of the medians of all tables, one group below the other.
pub fn svg(title: &str, tables: &[Table]) -> String {
    let mut body = String::new();
    let mut y = GAP;
    for table in tables {
        y = group(&mut body, table, y) + GAP;
    }
    let title = escaped(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" width=\"{WIDTH}\" \
         height=\"{y}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n{body}</svg>\n"
    )
}

const STYLE: &str = "
text { font: 13px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; fill: #1f2328; }
.head { font-weight: 600; }
.unit, .cut { fill: #59636e; }
.ours-text { font-weight: 600; }
.bound, .yardstick { fill: #b6bec8; }
.peer { fill: #6b9bd2; }
.ours { fill: #e8590c; }
.break { stroke: #ffffff; stroke-width: 3; }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; }
.unit, .cut { fill: #9198a1; }
.bound, .yardstick { fill: #59636e; }
.peer { fill: #4a7ab5; }
.ours { fill: #ff7b2e; }
.break { stroke: #0d1117; }
}
";

/// Draws a table from `top` down, and returns where it ends.
fn group(body: &mut String, table: &Table, top: f64) -> f64 {
    let better = match table.better {
        Better::Lower => "shorter is better",
        Better::Higher => "longer is better",
    };
    let _ = writeln!(
        body,
        "<text class=\"head\" x=\"0\" y=\"{}\">{}</text>\n\
         <text class=\"unit\" x=\"0\" y=\"{}\">median, {}; {better}</text>",
        top + 13.0,
        escaped(&table.title),
        top + 31.0,
        escaped(table.unit),
    );
    let end = end_of_scale(table);
    for (place, line) in table.lines.iter().enumerate() {
        let y = top + HEAD + STEP * place as f64;
        let value = line.median();
        let room = WIDTH - LABELS - VALUES;
        let length = (value.clamp(0.0, end) / end * room).max(1.0);
        let (class, text_class) = match line.role {
            Role::Bound => ("bound", ""),
            Role::Yardstick => ("yardstick", ""),
            Role::Peer => ("peer", ""),
            Role::Ours => ("ours", "ours-text"),
        };
        let middle = y + BAR / 2.0 + 4.5;
        let _ = writeln!(
            body,
            "<text class=\"{text_class}\" x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>\n\
             <rect class=\"{class}\" x=\"{LABELS}\" y=\"{y}\" width=\"{length:.1}\" height=\"{BAR}\" rx=\"2\"/>\n\
             <text class=\"{text_class}\" x=\"{:.1}\" y=\"{middle}\">{}</text>",
            LABELS - 8.0,
            escaped(&line.name),
            LABELS + length + 6.0,
            number(value),
        );
        if value > end {
            let x = LABELS + length - 24.0;
            let _ = writeln!(
                body,
                "<path class=\"break\" d=\"M{:.1} {} L{:.1} {y} M{:.1} {} L{:.1} {y}\"/>",
                x,
                y + BAR,
                x + 6.0,
                x + 8.0,
                y + BAR,
                x + 14.0,
            );
        }
    }
    top + HEAD + STEP * table.lines.len() as f64
}

/// The value at which bars end.
fn end_of_scale(table: &Table) -> f64 {
    let mut values: Vec<_> = table.lines.iter().map(crate::table::Line::median).collect();
    values.sort_by(f64::total_cmp);
    let Some(&longest) = values.last() else {
        return 1.0;
    };
    let cut = CUT * values[values.len() / 2];
    let within = values.iter().copied().filter(|&value| value <= cut);
    if longest > cut {
        within.fold(1.0, f64::max) * 1.25
    } else {
        longest.max(1.0)
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
