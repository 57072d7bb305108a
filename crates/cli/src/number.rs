//! Whole numbers as people write them.

use std::str::FromStr;

/// Reads a number of a type that has no zero.
///
/// # Errors
///
/// What is wrong with `text`, in words.
pub(crate) fn from_one<T: FromStr>(text: &str) -> Result<T, String> {
    let number = text.parse();
    number.map_err(|_| "write a whole number, from 1 on".to_owned())
}

/// Reads a number that may be zero.
///
/// # Errors
///
/// What is wrong with `text`, in words.
pub(crate) fn from_zero<T: FromStr>(text: &str) -> Result<T, String> {
    let number = text.parse();
    number.map_err(|_| "write a whole number, such as 0 or 10".to_owned())
}
