//! Measures `keepalive` beside other pools, in one run.
//!
//! A row is a question, a contender is who is asked, and a round asks every contender of a row

pub mod clock;
pub mod contenders;
pub mod fill;
pub mod measure;
pub mod payload;
pub mod plan;
pub mod progress;
pub mod report;
pub mod rows;
pub mod runtime;
pub mod table;
