//! Parses whole numbers.

use std::str::FromStr;

/// Parses a number of a type without zero.
///
/// # Errors
///
/// The fault of `text`, in words.
pub(crate) fn from_one<T: FromStr>(text: &str) -> Result<T, String> {
    let number = text.parse();
    number.map_err(|_| "write a whole number, from 1 on".to_owned())
}

/// Parses a number from zero on.
///
/// # Errors
///
/// The fault of `text`, in words.
pub(crate) fn from_zero<T: FromStr>(text: &str) -> Result<T, String> {
    let number = text.parse();
    number.map_err(|_| "write a whole number, such as 0 or 10".to_owned())
}
