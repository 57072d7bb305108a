//! Prints, when a check fails, how far it came and the command that repeats it.

#![allow(clippy::print_stderr)] // it is for the reader of the failure

use std::cell::{Cell, RefCell};

/// Prints its report when it is dropped by a panic.
pub struct Replay {
    unit: &'static str,
    done: Cell<u64>,
    command: RefCell<String>,
}

impl Replay {
    /// Progress is counted in `unit`s.
    pub fn new(unit: &'static str) -> Self {
        Self {
            unit,
            done: Cell::new(0),
            command: RefCell::default(),
        }
    }

    /// From now on, `command` repeats a failure.
    pub fn by(&self, command: impl Into<String>) {
        *self.command.borrow_mut() = command.into();
    }

    /// Adds to the progress.
    pub fn did(&self, more: u64) {
        self.done.set(self.done.get() + more);
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("caught after {} {}", self.done.get(), self.unit);
            eprintln!("replay: {}", self.command.borrow());
        }
    }
}
