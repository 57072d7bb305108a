//! Models of the state that threads share. Loom runs each under every schedule with few
//! preemptions.
//!
//! They run the driver's own code. Each detects a bug of its own, planted in that code: see the
//! patches of the part `shared` in `xtask/planted`.

mod address_watch;
mod answers;
mod channel;
mod clock;
mod ends;
mod lane;
mod lookups;
mod rig;
mod room;
mod wakeups;
mod watch;
