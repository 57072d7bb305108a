//! Counts the heap for row f: prints the bytes that a pool keeps for each idle connection.

use std::alloc::System;

use anyhow::{Result, bail};
use keepalive_bench::rows::memory;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [place, contender] = &arguments[..] else {
        bail!("it is run by keepalive-bench");
    };
    println!("{}", memory::count(place, contender, allocated)?);
    Ok(())
}

fn allocated() -> usize {
    let stats = COUNTED.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}
