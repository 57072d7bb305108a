//! Running users' code so that a panic of it breaks off nothing of ours.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `code`; `None` if it panicked, which the panic hook has reported then.
///
/// What is in the middle of a change keeps away from unwinding: nothing that `code` left half
/// done is used afterwards.
pub(crate) fn contain<R>(code: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(code)).ok()
}
