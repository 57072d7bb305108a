//! M4: runtimes that end, that are missing, or that are not driven.

mod idle;
mod loss;
mod missing;
