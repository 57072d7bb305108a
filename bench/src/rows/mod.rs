//! The rows: each is a question and its contenders.

use std::fmt;

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

use crate::plan::Plan;
use crate::progress::Progress;
use crate::table::Table;

mod connects;
mod cycles;
mod growth;
mod hot;
pub mod http;
pub mod memory;
pub mod sockets;
pub mod waiters;

/// A row, with its name on the command line and in the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Row {
    /// get + return: one task, one host
    A,
    /// get + return: 64 tasks on 2 workers, one host, nobody waits
    B,
    /// get + return: 64 tasks on 4 connections
    C,
    /// get + return: 10,000 hosts at random
    D,
    /// Many waiters on one slot
    E,
    /// Heap bytes of idle connections
    F,
    /// TCP ping-pong
    G,
    /// TCP connects
    H,
    /// Requests of HTTP/1.1
    I,
    /// Requests of HTTP/2
    J,
    /// Ever more hosts, ever more waiters
    Growth,
}

impl Row {
    pub const ALL: [Self; 11] = [
        Self::A,
        Self::B,
        Self::C,
        Self::D,
        Self::E,
        Self::F,
        Self::G,
        Self::H,
        Self::I,
        Self::J,
        Self::Growth,
    ];

    /// Measures the row.
    ///
    /// # Errors
    ///
    /// When a contender did not do the work of the row, or the machine does not allow it.
    pub fn measure(self, plan: &Plan, progress: &Progress) -> Result<Vec<Table>> {
        match self {
            Self::A => cycles::one_task(plan.hot, progress),
            Self::B => cycles::crowded(plan.hot, progress),
            Self::C => cycles::contended(plan.hot, progress),
            Self::D => cycles::many_hosts(plan.hot, progress),
            Self::E => waiters::measure(plan, progress),
            Self::F => memory::measure(plan, progress),
            Self::G => sockets::measure(plan.sockets, progress),
            Self::H => connects::measure(plan.connects, progress),
            Self::I => http::one(plan.http, progress),
            Self::J => http::two(plan.http, progress),
            Self::Growth => growth::measure(plan, progress),
        }
    }

    /// The question of the row and its method, in a sentence or two.
    pub fn about(self) -> &'static str {
        match self {
            Self::A => {
                "A connection is got and given back, over and over, by one task. \
                 Wall time, one worker."
            }
            Self::B => {
                "64 tasks get and give back from a pool of 64 idle connections. Nobody waits: \
                 what is measured is how the pool bears two threads at once. Wall time of the run \
                 divided by the cycles of all tasks. Each task pauses after 32 cycles."
            }
            Self::C => {
                "64 tasks share 4 connections, and each yields once while it holds one, so most \
                 have to wait in the queue. Only pools with a limit are asked."
            }
            Self::D => {
                "Each cycle asks for one of 10,000 hosts, drawn at random from the same seeds for \
                 all. Each host has one idle connection. Keys are made before, once per host: an \
                 address for the peers (a number for pingora-pool), a `Request` for keepalive."
            }
            Self::E => {
                "One connection, held by somebody, and a crowd of tasks that wait for it. In a \
                 process of its own each time, with one worker. To drain: the holder lets go, and \
                 each has it in turn. To cancel: the tasks are aborted, in the same random order \
                 for all."
            }
            Self::F => {
                "Bytes that are allocated when all connections are idle, less those allocated \
                 before the pool was made, less 80 for each connection itself: 64 bytes, and 16 \
                 for the waker by which keepalive watches it. Keys and requests have been dropped. \
                 Counted by the allocator, in a process of its own."
            }
            Self::G => {
                "Each exchange gets a connection, writes 64 bytes, reads them back from a server \
                 in another process, and gives the connection back. deadpool and bb8 look whether \
                 a connection has anything to read before they reuse it, as keepalive does."
            }
            Self::H => {
                "Each connection is opened and closed with a reset, which leaves no port behind, \
                 to one of eight loopback addresses. All set TCP_NODELAY, as keepalive does. The \
                 server is another process, so its processor time is not counted."
            }
            Self::I => {
                "Each task sends a GET and reads the 128 bytes of its answer, again and again. The \
                 client has one core, and the server, another process, the other. The ceiling is \
                 hyper without a pool: each task has a connection of its own, driven by a task. \
                 keepalive-http has a limit, of as many connections as there are tasks, and \
                 everything else on. wrk does not run within this process; its client is not made \
                 for programs, and shows what the server can do."
            }
            Self::J => {
                "The same by HTTP/2 without TLS, to a server that allows 100 streams per \
                 connection. The ceiling is hyper with a connection for each hundred tasks."
            }
            Self::Growth => {
                "The same operation with ever more hosts, or waiters. What a larger memory costs \
                 shows in the locked map, which does the least that can be done."
            }
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().expect("none is hidden").get_name())
    }
}
