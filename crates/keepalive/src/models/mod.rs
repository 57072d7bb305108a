//! Models of what threads share, each run by loom under every schedule of few preemptions.
//!
//! They run the driver's own code. Each was seen to fail on a bug of its own, planted in that code:
//! the patches of the part `shared` in `xtask/planted` say which.

mod answers;
mod ends;
mod lookups;
mod residents;
mod rig;
mod room;
mod signals;
mod tray;
mod watch;
