//! Draws the steps of a probe as bars on one scale.

use std::time::Duration;

use anstyle::Style;

use crate::console::{ALARM, HEADING, harmless, styled};
use crate::duration::shown;
use crate::probe::stages::{End, Stage};
use crate::table::{self, LEFT, RIGHT};

/// The width of the whole time in characters.
const WIDTH: usize = 40;

/// Formats the stages as a table: begin, end, bar and outcome of each.
pub(crate) fn draw(stages: &[Stage]) -> String {
    let whole = stages.iter().map(|stage| stage.span.to).max();
    let whole = whole.unwrap_or_default();
    let scale = format!("|{:>WIDTH$}|", format!("{} ", shown(whole)));
    let headings = ["step", "", "from", "to", &scale, "outcome"];
    let mut rows = vec![headings.map(|text| styled(HEADING, text))];
    rows.extend(stages.iter().map(|stage| {
        let style = match stage.end {
            End::Bad => ALARM,
            _ => Style::new(),
        };
        [
            stage.step.to_owned(),
            harmless(&stage.what),
            shown(stage.span.from),
            shown(stage.span.to),
            bar(stage, whole),
            styled(style, harmless(&stage.outcome)),
        ]
    }));
    table::lines([LEFT, LEFT, RIGHT, RIGHT, RIGHT, LEFT], &rows)
}

/// The bar of a stage: `=` if it succeeded, `-` if it was given up, `x` if it failed. It has at
/// least one character.
fn bar(stage: &Stage, whole: Duration) -> String {
    let mark = match stage.end {
        End::Good => '=',
        End::Dropped => '-',
        End::Bad => 'x',
    };
    // It may be zero.
    let whole = whole.max(Duration::from_nanos(1)).as_secs_f64();
    let place = |time: Duration| (time.as_secs_f64() / whole).min(1.0) * WIDTH as f64;
    let from = (place(stage.span.from) as usize).min(WIDTH - 1);
    let to = (place(stage.span.to).ceil() as usize).clamp(from + 1, WIDTH);
    let bar: String = (0..WIDTH)
        .map(|at| if (from..to).contains(&at) { mark } else { ' ' })
        .collect();
    format!("|{bar}|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::tests::plain;
    use crate::probe::path::Span;

    fn stage(from: u64, to: u64, end: End) -> Stage {
        Stage {
            step: "connect",
            what: "a".to_owned(),
            span: Span {
                from: Duration::from_millis(from),
                to: Duration::from_millis(to),
            },
            end,
            outcome: "so".to_owned(),
        }
    }

    #[test]
    fn a_bar_of_the_timeline_covers_the_time_of_its_step() {
        let whole = Duration::from_millis(400);
        for (from, to, end, expected) in [
            (0, 400, End::Good, "=".repeat(40)),
            (0, 0, End::Bad, format!("x{}", " ".repeat(39))),
            (400, 400, End::Good, format!("{}=", " ".repeat(39))),
            (
                100,
                200,
                End::Dropped,
                format!("{}{}{}", " ".repeat(10), "-".repeat(10), " ".repeat(20)),
            ),
        ] {
            assert_eq!(bar(&stage(from, to, end), whole), format!("|{expected}|"));
        }
        let nothing = bar(&stage(0, 0, End::Good), Duration::ZERO);
        assert_eq!(nothing, format!("|={}|", " ".repeat(39)));
    }

    #[test]
    fn the_bars_of_the_timeline_are_aligned() {
        let stages = [stage(0, 5, End::Bad), stage(5, 2000, End::Good)];
        let drawn = plain(&draw(&stages));
        let places: Vec<_> = drawn
            .lines()
            .map(|line| line.chars().position(|sign| sign == '|'))
            .collect();
        assert!(places[0].is_some(), "{drawn}");
        assert!(places.iter().all(|place| place == &places[0]), "{drawn}");
        assert!(drawn.lines().all(|line| line.trim_end() == line), "{drawn}");
    }
}
