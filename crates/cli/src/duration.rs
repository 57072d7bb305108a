//! Parses and formats durations.

use std::time::Duration;

use humantime::DurationError as Error;

/// The longest duration of a flag: a year. A clock could overflow with more.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Parses `15s`, `500ms`, `1h30m` or `0.5s`; a bare number is seconds. The error is the fault
/// in words.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let is_bare = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let unit = if is_bare { "s" } else { "" };
    match humantime::parse_duration(&format!("{text}{unit}")) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        Ok(_) | Err(Error::NumberOverflow) => {
            Err("write at most 8760h, which is a year, and few decimals".to_owned())
        }
        Err(_) => Err("write a number and a unit: 500ms, 15s, 2m or 1h".to_owned()),
    }
}

pub(crate) fn parse_above_zero(text: &str) -> Result<Duration, String> {
    match parse(text)? {
        Duration::ZERO => Err("write a time that is longer than 0".to_owned()),
        time => Ok(time),
    }
}

/// Formats a duration in three figures with a fitting unit: `845 µs`, `12.3 ms`, `1.24 s`.
pub(crate) fn shown(duration: Duration) -> String {
    let micros = duration.as_micros();
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..999_500 => figures(duration.as_secs_f64() * 1_000.0, "ms"),
        _ => figures(duration.as_secs_f64(), "s"),
    }
}

fn figures(number: f64, unit: &str) -> String {
    let decimals = match number {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{number:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_with_or_without_a_unit() {
        for (text, micros) in [
            ("15s", 15_000_000),
            ("15", 15_000_000),
            ("0", 0),
            ("500ms", 500_000),
            ("0.25s", 250_000),
            ("250us", 250),
            ("2m", 120_000_000),
            ("1.5h", 5_400_000_000),
            ("1h30m", 5_400_000_000),
            ("1d", 86_400_000_000),
            ("2.5", 2_500_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_micros(micros)), "{text}");
        }
    }

    #[test]
    fn a_wrong_duration_is_refused() {
        for text in [
            "", "s", "-1s", "+1", "1x", "1.2.3s", "inf", "NaN", "1e3", ".",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("8760h").is_ok());
        assert!(parse("8761h").unwrap_err().contains("a year"));
        assert!(parse(&"9".repeat(400)).unwrap_err().contains("a year"));
    }

    #[test]
    fn a_duration_is_shown_in_three_figures() {
        for (micros, text) in [
            (0, "0 µs"),
            (845, "845 µs"),
            (1_240, "1.24 ms"),
            (9_996, "10.0 ms"),
            (123_456, "123 ms"),
            (999_499, "999 ms"),
            (999_999, "1.00 s"),
            (61_500_000, "61.5 s"),
            (1_234_000_000, "1234 s"),
        ] {
            assert_eq!(shown(Duration::from_micros(micros)), text);
        }
    }
}
