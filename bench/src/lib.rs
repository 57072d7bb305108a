//! Measures `keepalive` beside other pools, in one run.
//!
//! A row is a question, a contender is a pool or client that answers it, and a round measures every
//! contender of a row once. Rounds follow one another, so that other load on the machine affects
//! all contenders alike.

pub mod chart;
pub mod child;
pub mod clock;
pub mod contenders;
pub mod fill;
pub mod machine;
pub mod measure;
pub mod options;
pub mod payload;
pub mod plan;
pub mod progress;
pub mod report;
pub mod rows;
pub mod runtime;
pub mod servers;
pub mod table;
pub mod targets;
