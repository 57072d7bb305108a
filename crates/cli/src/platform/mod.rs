//! All that differs from system to system. No other file of this crate asks for the system.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

pub(crate) use system::{Signals, TERMINATE, descriptor_limit, standard_input, standard_output};
