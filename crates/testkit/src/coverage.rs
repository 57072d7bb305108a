//! Counts events that must happen sometimes: without them a run proves less than it seems to.

use keepalive_engine::{Action, Answer, Counts, Message, Reason};

/// All events that are counted.
const EVENTS: &[&str] = &[
    "an attempt begins",
    "an attempt is withdrawn",
    "an attempt fails",
    "an attempt moves on",
    "a withdrawn attempt opens all the same",
    "a withdrawn attempt fails all the same",
    "a connection opens for one at a time",
    "a connection opens that takes none at present",
    "a connection opens and has yet to say for how many",
    "a connection takes none at present",
    "a capacity is to be told anew",
    "a connection opens with room for several",
    "a capacity changes",
    "a connection closes",
    "a closing is given up",
    "a permit goes to another shard",
    "another shard is asked for room",
    "a lease ends: reuse",
    "a lease ends: close",
    "a lease ends: closed",
    "the peer closes an idle connection",
    "the peer closes a leased connection",
    "a report comes about a connection long gone",
    "the clock goes back",
    "time passes to the instant when something is due",
    "a request is withdrawn while it waits",
    "a request is withdrawn after its answer",
    "a request is withdrawn in the tick of its answer",
    "a request is forgotten",
    "a connection goes before its answer is taken",
    "a connection that was taken has ended before",
    "the runtime goes",
    "the manager is shut down",
    "answer: a connection",
    "answer: failed",
    "answer: the queue is full",
    "answer: cancelled",
    "answer: shut down",
    "answer: the runtime has gone",
    "timed out: host limit",
    "timed out: total limit",
    "timed out: connect limit",
    "timed out: an attempt",
    "served from the cache at once",
    "answered on the short way",
    "asked and waits in one",
    "served from the cache after waiting",
    "served by a new connection",
    "evicted for another host",
    "expired",
    "closed by the peer",
    "an older request is overtaken",
];

/// How often each event happened.
#[derive(Clone, Debug)]
pub struct Coverage([u64; EVENTS.len()]);

impl Default for Coverage {
    fn default() -> Self {
        Self([0; EVENTS.len()])
    }
}

impl Coverage {
    pub fn hit(&mut self, event: &str) {
        self.add(event, 1);
    }

    pub fn add(&mut self, event: &str, times: u64) {
        let place = EVENTS.iter().position(|&known| known == event);
        self.0[place.expect("an event of the list")] += times;
    }

    pub fn merge(&mut self, other: &Self) {
        for (times, more) in self.0.iter_mut().zip(other.0) {
            *times += more;
        }
    }

    /// All events, the rarest first.
    pub fn rarest(&self) -> Vec<(&'static str, u64)> {
        let mut events: Vec<_> = EVENTS.iter().copied().zip(self.0).collect();
        events.sort_by_key(|&(_, times)| times);
        events
    }

    pub fn action(&mut self, action: &Action) {
        match action {
            Action::Answer(_, answer) => self.answer(answer),
            Action::Connect(..) => self.hit("an attempt begins"),
            Action::Cancel(_) => self.hit("an attempt is withdrawn"),
            Action::Close(_) => self.hit("a connection closes"),
            Action::Abandon(_) => self.hit("a closing is given up"),
            Action::Send(_, Message::Grant(_)) => self.hit("a permit goes to another shard"),
            Action::Send(_, Message::MakeRoom) => self.hit("another shard is asked for room"),
        }
    }

    /// Adds the events that an engine has counted in its life.
    pub fn totals(&mut self, totals: Counts) {
        self.add("evicted for another host", totals.evicted);
        self.add("expired", totals.expired);
        self.add("closed by the peer", totals.closed_by_peer);
    }

    fn answer(&mut self, answer: &Answer) {
        self.hit(match answer {
            Answer::Connection(_) => "answer: a connection",
            Answer::Failed => "answer: failed",
            Answer::QueueFull { .. } => "answer: the queue is full",
            Answer::Cancelled => "answer: cancelled",
            Answer::ShutDown => "answer: shut down",
            Answer::Abandoned => "answer: the runtime has gone",
            Answer::TimedOut(waiting) => match waiting.reason() {
                Reason::HostLimit { .. } => "timed out: host limit",
                Reason::TotalLimit { .. } => "timed out: total limit",
                Reason::ConnectLimit { .. } => "timed out: connect limit",
                _ => "timed out: an attempt",
            },
        });
    }
}
