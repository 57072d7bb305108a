//! Bugs on purpose, to test the tests: none of it is in an ordinary build.
//!
//! In a build with `--cfg keepalive_planted`, one bug of the catalogue is at work once
//! [`activate`] was called, or if `KEEPALIVE_PLANTED` names it. Whatever proves this project must
//! notice every one of them; `cargo xtask planted` prints which check did.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One bug: where it is known from, and what goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The bug itself.
    pub bug: Bug,
    /// Its name, as `KEEPALIVE_PLANTED` takes it.
    pub name: &'static str,
    /// The part of the project that has it.
    pub part: Part,
    /// Peers that shipped it, or the rule that it breaks.
    pub known_from: &'static str,
    /// What goes wrong.
    pub text: &'static str,
}

/// Where a bug is planted, which decides what may catch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// In the engine.
    Engine,
    /// In what threads share; a loom model of the same name catches it.
    Shared,
    /// In the rest of the driver.
    Driver,
    /// In the HTTP client.
    Http,
}

macro_rules! catalogue {
    ($($part:ident { $($name:ident, $known_from:literal, $text:literal;)* })*) => {
        /// A bug of the catalogue.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug {
            $($(#[doc = $text] $name,)*)*
        }

        /// All bugs.
        pub const CATALOGUE: &[Entry] = &[
            $($(Entry {
                bug: Bug::$name,
                name: stringify!($name),
                part: Part::$part,
                known_from: $known_from,
                text: $text,
            },)*)*
        ];
    };
}

catalogue! {
    Engine {
        LeakOnCancelAssigned, "bb8 #59, sqlx #83", "a request withdrawn after its answer keeps the connection for ever";
    }
    Shared {
    }
    Driver {
    }
    Http {
    }
}

/// No bug at work.
const NONE: usize = usize::MAX;

static ACTIVE: AtomicUsize = AtomicUsize::new(NONE);

/// Puts one bug to work, or none.
pub fn activate(bug: Option<Bug>) {
    from_environment();
    ACTIVE.store(bug.map_or(NONE, |bug| bug as usize), Ordering::Relaxed);
}

/// Whether `bug` is at work.
pub fn is(bug: Bug) -> bool {
    from_environment();
    ACTIVE.load(Ordering::Relaxed) == bug as usize
}

fn from_environment() {
    static READ: OnceLock<()> = OnceLock::new();
    READ.get_or_init(|| {
        if let Ok(name) = std::env::var("KEEPALIVE_PLANTED") {
            let entry = CATALOGUE.iter().find(|entry| entry.name == name);
            let entry = entry.unwrap_or_else(|| panic!("no bug is called {name}"));
            ACTIVE.store(entry.bug as usize, Ordering::Relaxed);
        }
    });
}
