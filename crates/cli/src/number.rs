//! Parses whole numbers.

use std::str::FromStr;

/// Parses a number of a type without zero. The error is the fault in words, as in all such parsers.
pub(crate) fn from_one<T: FromStr>(text: &str) -> Result<T, String> {
    let number = text.parse();
    number.map_err(|_| "write a whole number, from 1 on".to_owned())
}

/// Parses a number from zero on.
pub(crate) fn from_zero<T: FromStr>(text: &str) -> Result<T, String> {
    let number = text.parse();
    number.map_err(|_| "write a whole number, such as 0 or 10".to_owned())
}
