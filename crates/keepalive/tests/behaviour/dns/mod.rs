//! Resolvers and the cache of names.

mod cache;
mod faults;
mod lookups;
mod moves;
