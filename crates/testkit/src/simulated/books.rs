//! The network's record of every connection, its holder and its faults.
#![allow(clippy::print_stderr)] // a trace, on demand

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::task::Waker;
use std::time::Duration;

use keepalive::{Host, Request};
use tokio::time::Instant;

use super::weather::{Operation, Verdict};

/// A timer of tokio's fires within the millisecond after its time.
pub const TICK: Duration = Duration::from_millis(1);

/// The limits that the manager under test must keep.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub per_host: usize,
    pub total: usize,
    pub connecting: usize,
    pub close_timeout: Duration,
}

/// The parameters of a user's request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want {
    pub host: usize,
    pub asked: Instant,
    /// Whether the manager reports that no user has used the connection before.
    pub new: bool,
}

pub struct Books {
    hosts: Vec<Request>,
    limits: Limits,
    /// For each host, its attempts and connections.
    open: Vec<usize>,
    connecting: usize,
    /// Connections opened so far.
    opened: usize,
    lines: BTreeMap<usize, Line>,
    faults: Vec<String>,
    /// How often each thing has happened.
    pub counts: BTreeMap<String, u64>,
    /// A hash of all events and their times.
    trace: u64,
    prints: bool,
    began: Option<Instant>,
    micros: u128,
    /// The microseconds of earlier runtimes.
    before: u128,
    /// A runtime is shutting down: its order is not fixed, and no clock runs.
    pub runtime_goes: bool,
    streams: usize,
}

/// One open connection.
struct Line {
    host: usize,
    /// Whether the peer has closed it, or has sent unsolicited data.
    broken: bool,
    /// Whether the peer takes no new exchange, as after a GOAWAY of HTTP/2. Exchanges under way
    /// continue.
    leaving: bool,
    /// Whether the manager has learned that it is unusable.
    condemned: bool,
    /// When a user first broke an exchange off.
    retired: Option<Instant>,
    capacity: usize,
    /// The largest capacity so far.
    widest: usize,
    holders: usize,
    uses: usize,
    /// Answers on their way by stream, with the times at which they arrive.
    streams: BTreeMap<usize, VecDeque<(u64, Instant)>>,
    watcher: Option<Waker>,
    closing_since: Option<Instant>,
}

impl Books {
    pub(super) fn new(hosts: Vec<Request>, limits: Limits) -> Self {
        Self {
            open: vec![0; hosts.len()],
            hosts,
            limits,
            connecting: 0,
            opened: 0,
            lines: BTreeMap::new(),
            faults: Vec::new(),
            counts: BTreeMap::new(),
            trace: 0xCBF2_9CE4_8422_2325,
            prints: std::env::var_os("KEEPALIVE_DRIVER_TRACE").is_some(),
            began: None,
            micros: 0,
            before: 0,
            runtime_goes: false,
            streams: 0,
        }
    }

    /// Notes that something happened.
    pub fn note(&mut self, event: &str, number: u64) {
        // Outside a runtime, the time is that of the machine, and differs in every run.
        if tokio::runtime::Handle::try_current().is_ok() {
            let began = *self.began.get_or_insert_with(Instant::now);
            self.micros = self.before + began.elapsed().as_micros();
        }
        let micros = self.micros;
        let parts = [
            event.as_bytes(),
            &number.to_le_bytes(),
            &micros.to_le_bytes(),
        ];
        for &byte in parts.into_iter().flatten().filter(|_| !self.runtime_goes) {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
        }
        if self.prints {
            eprintln!("{micros:>9} {event} {number}");
        }
        match self.counts.get_mut(event) {
            Some(count) => *count += 1,
            None => {
                self.counts.insert(event.to_owned(), 1);
            }
        }
    }

    /// Continues in another runtime.
    pub(super) fn goes_on(&mut self) {
        self.before = self.micros;
        self.began = None;
    }

    /// Records a fault of the manager.
    pub fn blame(&mut self, fault: impl Into<String>) {
        let fault = fault.into();
        self.note(&fault, 0);
        self.faults.push(fault);
    }

    /// The faults of the manager.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    pub fn trace(&self) -> u64 {
        self.trace
    }

    /// Attempts and connections of all hosts.
    pub fn open(&self) -> usize {
        self.open.iter().sum()
    }

    pub fn opened(&self) -> usize {
        self.opened
    }

    /// The numbers of the open connections.
    pub fn numbers(&self) -> Vec<usize> {
        self.lines.keys().copied().collect()
    }

    pub fn holders(&self) -> usize {
        self.lines.values().map(|line| line.holders).sum()
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The number of hosts.
    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// The requests that lead to the hosts.
    pub fn host(&self, number: usize) -> Request {
        self.hosts[number].clone()
    }

    pub(super) fn judged(&mut self, operation: Operation, verdict: Verdict, number: usize) {
        if verdict != Verdict::Fine {
            let mut event = String::new();
            let _ = write!(event, "{operation:?} {verdict:?}");
            self.note(&event, number as u64);
        }
    }

    pub(super) fn number_of(&self, host: &Host) -> usize {
        let found = self.hosts.iter().position(|known| known.host() == host);
        found.expect("nobody asks for other hosts")
    }

    pub(super) fn attempt_begins(&mut self, host: &Host) -> usize {
        let number = self.number_of(host);
        self.open[number] += 1;
        self.connecting += 1;
        self.note("attempt", number as u64);
        let (open, total) = (self.open[number], self.open());
        let limits = self.limits;
        if open > limits.per_host {
            self.blame(format!("{open} connections to one host"));
        }
        if total > limits.total {
            self.blame(format!("{total} connections in total"));
        }
        if self.connecting > limits.connecting {
            self.blame(format!("{} attempts at once", self.connecting));
        }
        number
    }

    pub(super) fn attempt_ends(&mut self, host: usize) {
        self.connecting -= 1;
        self.note("attempt ends", host as u64);
    }

    pub(super) fn line_opens(&mut self, host: usize, capacity: usize) -> usize {
        self.opened += 1;
        let number = self.opened;
        self.note("opened", number as u64);
        let line = Line {
            host,
            broken: false,
            leaving: false,
            condemned: false,
            retired: None,
            capacity,
            widest: 1,
            holders: 0,
            uses: 0,
            streams: BTreeMap::new(),
            watcher: None,
            closing_since: None,
        };
        self.lines.insert(number, line);
        number
    }

    /// Removes an attempt, or a connection, that has gone.
    pub(super) fn leaves(&mut self, host: usize, line: Option<usize>) {
        self.open[host] -= 1;
        let Some(number) = line else { return };
        self.note("gone", number as u64);
        let line = self.lines.remove(&number).expect("it was open");
        let limit = self.limits.close_timeout + TICK;
        if let Some(since) = line.closing_since
            && !self.runtime_goes
            && since.elapsed() > limit
        {
            self.blame(format!("closing took {:?}", since.elapsed()));
        }
    }

    pub(super) fn stream_begins(&mut self, number: usize) -> usize {
        self.streams += 1;
        let stream = self.streams;
        self.line(number).streams.insert(stream, VecDeque::new());
        stream
    }

    pub(super) fn stream_ends(&mut self, number: usize, stream: usize) {
        self.line(number).streams.remove(&stream);
    }

    pub(super) fn stream(&mut self, number: usize, stream: usize) -> &mut VecDeque<(u64, Instant)> {
        self.line(number).streams.entry(stream).or_default()
    }

    /// Changes a connection's capacity.
    pub fn set_capacity(&mut self, number: usize, capacity: usize) {
        self.line(number).capacity = capacity;
    }

    /// The capacity, as it is reported to the manager.
    pub(super) fn tell_capacity(&mut self, number: usize) -> usize {
        let line = self.line(number);
        line.widest = line.widest.max(line.capacity);
        line.capacity
    }

    pub(super) fn break_line(&mut self, number: usize, word: bool) {
        let line = self.line(number);
        line.broken = true;
        if word && line.watcher.is_some() {
            line.condemned = true;
        }
    }

    pub(super) fn say_goodbye(&mut self, number: usize) {
        let line = self.line(number);
        line.leaving = true;
        if line.watcher.is_some() {
            line.condemned = true;
        }
    }

    /// Stores the waker of the connection's watcher, until its next use.
    pub(super) fn watch(&mut self, number: usize, waker: Waker) {
        self.line(number).watcher = Some(waker);
    }

    pub(super) fn watcher(&mut self, number: usize) -> Option<Waker> {
        self.lines.get_mut(&number)?.watcher.take()
    }

    /// Whether the connection can be used again now.
    pub(super) fn is_sound(&mut self, number: usize) -> bool {
        let now = Instant::now();
        let line = self.line(number);
        let arrived = |answers: &VecDeque<(u64, Instant)>| {
            answers.front().is_some_and(|&(_, there)| there <= now)
        };
        !line.broken && !line.leaving && (line.holders > 0 || !line.streams.values().any(arrived))
    }

    /// The manager learns that the connection is unusable.
    pub(super) fn condemn(&mut self, number: usize) {
        self.line(number).condemned = true;
    }

    pub(super) fn begins_to_close(&mut self, number: usize) {
        let line = self.line(number);
        let holders = line.holders;
        // Outside a runtime no clock runs.
        if tokio::runtime::Handle::try_current().is_ok() {
            line.closing_since.get_or_insert_with(Instant::now);
        }
        line.condemned = true;
        if holders > 0 {
            self.blame(format!("closed under {holders} users"));
        }
    }

    /// A user has got the connection for a request to `host`.
    pub(super) fn pick_up(&mut self, number: usize, stream: usize, want: &Want) {
        self.note("lease", number as u64);
        let line = self.line(number);
        let sole = line.widest == 1;
        // With several users at once, one may have got it before another broke off.
        let is_late = |retired| sole || retired < want.asked;
        let faults = [
            (line.host != want.host, "a connection to another host"),
            (line.condemned, "a connection known to be of no use"),
            (
                line.retired.is_some_and(is_late),
                "a connection whose exchange was broken off",
            ),
            (line.holders >= line.widest, "a connection that is in use"),
            (line.closing_since.is_some(), "a connection that closes"),
            (
                line.streams
                    .get(&stream)
                    .is_some_and(|stream| !stream.is_empty()),
                "a connection with an answer outstanding",
            ),
            (
                want.new && sole && line.uses > 0,
                "a new connection that was used",
            ),
        ];
        line.holders += 1;
        line.uses += 1;
        if line.broken {
            self.note("handed out before the end was known", 0);
        }
        for (_, fault) in faults.into_iter().filter(|&(is, _)| is) {
            self.blame(format!("handed out: {fault}"));
        }
    }

    /// A user lets the connection go.
    pub(super) fn put_down(&mut self, number: usize, reusable: bool) {
        let line = self.line(number);
        line.holders -= 1;
        if !reusable {
            line.retired.get_or_insert_with(Instant::now);
        }
    }

    pub(super) fn is_broken(&mut self, number: usize) -> bool {
        self.line(number).broken
    }

    pub(super) fn is_leaving(&mut self, number: usize) -> bool {
        self.line(number).leaving
    }

    fn line(&mut self, number: usize) -> &mut Line {
        self.lines.get_mut(&number).expect("it is open")
    }
}
