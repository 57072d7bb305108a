//! Parses numbers of bytes.

use keepalive::authority;

/// Parses a number of bytes, with `k`, `M` or `G` for powers of 1,024, as curl does. The error is
/// the fault in words.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|sign: char| sign.is_ascii_alphabetic());
    let factor: u64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return Err("the unit of a size is k, M or G, as in 10k".to_owned()),
    };
    let number: Option<u64> = authority::digits(digits);
    let bytes = number.and_then(|number| number.checked_mul(factor));
    bytes.ok_or_else(|| "write a whole number of bytes, or 10k, 5M, 1G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_with_or_without_a_unit() {
        for (text, bytes) in [
            ("0", 0),
            ("10", 10),
            ("10k", 10_240),
            ("5M", 5 << 20),
            ("1g", 1 << 30),
        ] {
            assert_eq!(parse(text), Ok(bytes));
        }
        for wrong in ["", "k", "+1", "-1", "1.5k", "1kb", "99999999999G", "1 k"] {
            parse(wrong).expect_err(wrong);
        }
    }
}
