//! Clients that send many requests, and check every response.

mod counted;
mod figures;
mod http;
mod raw;
mod script;
mod site;
pub mod trial;
pub mod trials;

use std::time::{Duration, Instant};

use keepalive::{Counts, ErrorKind};

pub use counted::Counted;
pub use figures::Figures;
pub use http::HttpCaller;
pub use raw::RawCaller;
pub use script::{Peer, Script};
pub use site::Site;

use super::chaos::Protocol;
use super::echo::answer;
use super::pump::micros;

/// The limits of the clients of one manager.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub max_per_host: usize,
    pub max_open: usize,
    /// The time from a request to its connection.
    pub timeout: Duration,
    /// The time from there to the end of the answer.
    pub patience: Duration,
}

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub port: u16,
    /// The tag of the server behind that port.
    pub tag: &'a str,
    pub nonce: u64,
    pub size: usize,
    /// Chooses how to ask, and how to give the connection back.
    pub way: u64,
}

/// How a question ended.
#[derive(Debug)]
pub enum Ending {
    Answered,
    /// No connection was obtained.
    NotConnected(String),
    /// The connection failed.
    Broken(String),
    /// The answer took longer than the client's patience.
    Impatient,
    /// A stray answer that a client could not have noticed before.
    Strayed,
    /// A result that must never happen.
    Wrong(String),
}

/// A client that asks through a manager.
pub trait Caller: Clone + Send + Sync + 'static {
    const PROTOCOL: Protocol;

    fn new(limits: Limits) -> Self;

    fn ask(&self, question: Question<'_>) -> impl Future<Output = (Ending, Late)> + Send;

    /// A guard that keeps a connection in use until it is dropped; `None` if there is none.
    fn hold(&self, port: u16) -> impl Future<Output = Option<Box<dyn Send>>> + Send;

    fn limits(&self) -> Limits;

    /// Every connection that it opens, counted without a gap.
    fn counted(&self) -> &Counted;

    fn totals(&self) -> Counts;

    /// Returns how many leases were still out after `limit`.
    fn shut_down(&self, limit: Duration) -> impl Future<Output = usize> + Send;
}

/// The lateness of a manager's answer: the time from its deadline.
pub type Late = Duration;

/// The lateness of an answer that has come now.
fn late(asked: Instant, limits: Limits) -> Late {
    asked.elapsed().saturating_sub(limits.timeout)
}

/// Whether an error of a manager is one that a fault of the network may cause.
fn not_connected(error: &keepalive::AllocateError) -> Ending {
    let function = error.function();
    let text = format!("{function}: {}", error.error_str());
    let system = error.error_num().is_some() && !error.error_str().is_empty();
    let sensible = match error.kind() {
        ErrorKind::Timeout => system && matches!(function, "queue" | "resolve" | "connect" | "tls"),
        // A peer's bytes that are no TLS give an error without a number.
        ErrorKind::Connect if function == "tls" => !error.error_str().is_empty(),
        ErrorKind::Connect => system && matches!(function, "connect" | "socket"),
        ErrorKind::QueueFull => function == "queue",
        _ => false,
    };
    if sensible {
        Ending::NotConnected(text)
    } else {
        Ending::Wrong(format!("an error that makes no sense: {error:?}"))
    }
}

/// The earliest time at which a connection was handed out, and whether it had been used before.
#[derive(Clone, Copy)]
struct HandedOut {
    at: Instant,
    reused: bool,
}

/// How long a stray answer may stay unnoticed. Only the reactor checks a connection idle for less
/// than a millisecond (C4), and on a loaded machine a thread may not run for long.
const UNNOTICED: Duration = Duration::from_millis(250);

/// Judges an answer. `number` is that of the server's connection, once it is known.
fn judge(
    text: &str,
    question: &Question<'_>,
    handed_out: HandedOut,
    number: &mut Option<usize>,
) -> Ending {
    let words: Vec<_> = text.split(' ').collect();
    let shown: String = text.chars().take(60).collect();
    if let ["stray", sent, in_one_piece] = words[..] {
        return judge_stray(sent, in_one_piece == "1", handed_out);
    }
    let Some(connection) = words.get(1).and_then(|number| number.parse().ok()) else {
        return Ending::Wrong(format!("{question:?} was answered with {shown:?}"));
    };
    let expected = *number.get_or_insert(connection);
    if text != answer(question.tag, expected, question.nonce, question.size) {
        return Ending::Wrong(format!(
            "{question:?} on connection {expected} was answered with {shown:?}"
        ));
    }
    Ending::Answered
}

fn judge_stray(sent: &str, in_one_piece: bool, handed_out: HandedOut) -> Ending {
    let sent: u128 = sent.parse().unwrap_or(0);
    let known = sent + UNNOTICED.as_micros() < micros(handed_out.at);
    if handed_out.reused && (in_one_piece || known) {
        return Ending::Wrong(format!(
            "a connection was handed out at {}, with an answer on it that came {} {}",
            micros(handed_out.at),
            if in_one_piece {
                "with the one before, at"
            } else {
                "at"
            },
            sent
        ));
    }
    Ending::Strayed
}
