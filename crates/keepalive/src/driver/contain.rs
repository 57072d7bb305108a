//! Runs user code and contains its panics.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `code`; `None` if it panicked. The panic hook has then reported the panic.
///
/// The assertion of unwind safety holds because state that `code` left half changed is not used
/// afterwards.
pub(crate) fn contain<R>(code: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(code)).ok()
}
